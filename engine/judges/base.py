"""What a judge is: it scores one completion, or compares two for the same prompt; one at a time, or many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")

Scored = tuple[str, str]
"""(prompt, completion)."""
Compared = tuple[str, str, str]
"""(prompt, first, second)."""
Progress = Callable[[int, int], None]
"""Called with (done, total) items; may raise to abort."""


class Judge(Protocol):
    """`ordered` says that `compare` may depend on which completion it is shown first, as an LLM's verdict does.

    Scores no further apart than `margin` are a tie: a network gives one text slightly different scores in two batches.
    A judge that is not `steady` scores the same text otherwise in another iteration: only what it says now compares.
    """

    @property
    def name(self) -> str: ...

    @property
    def ordered(self) -> bool: ...

    @property
    def margin(self) -> float: ...

    @property
    def steady(self) -> bool: ...

    def score(self, prompt: str, completion: str) -> float:
        """How good the completion is; only differences for one prompt mean anything."""
        ...

    def compare(self, prompt: str, first: str, second: str) -> float:
        """1 where the first is better, 0 where the second is, ½ for a tie."""
        ...

    def scores(self, items: Sequence[Scored], progress: Progress | None = None) -> list[float]:
        """`score` of each item, in their order."""
        ...

    def compares(self, items: Sequence[Compared], progress: Progress | None = None) -> list[float]:
        """`compare` of each item, in their order."""
        ...

    def take_usage(self) -> Mapping[str, float]:
        """What was spent since this was last asked: calls, tokens, cost; empty for a judge that spends nothing."""
        ...


class OneByOne:
    """The batch forms of a judge that gains nothing from a batch."""

    margin, steady = 0.0, True

    def score(self, prompt: str, completion: str) -> float:
        raise NotImplementedError

    def compare(self, prompt: str, first: str, second: str) -> float:
        raise NotImplementedError

    def scores(self, items: Sequence[Scored], progress: Progress | None = None) -> list[float]:
        return list(counted((self.score(*item) for item in items), len(items), progress))

    def compares(self, items: Sequence[Compared], progress: Progress | None = None) -> list[float]:
        return list(counted((self.compare(*item) for item in items), len(items), progress))

    def take_usage(self) -> Mapping[str, float]:
        return {}


class ScoringJudge(OneByOne):
    """A judge that compares by its scores, so that order cannot matter."""

    ordered = False

    def compare(self, prompt: str, first: str, second: str) -> float:
        return self.compares([(prompt, first, second)])[0]

    def compares(self, items: Sequence[Compared], progress: Progress | None = None) -> list[float]:
        sides = [(prompt, side) for prompt, first, second in items for side in (first, second)]
        halved = (lambda done, total: progress(done // 2, total // 2)) if progress else None
        scores = self.scores(sides, halved)
        return [verdict(mine - other, self.margin) for mine, other in zip(scores[::2], scores[1::2], strict=True)]


def counted(values: Iterable[T], total: int, progress: Progress | None) -> Iterator[T]:
    """`values` as they come, each of them reported."""
    for done, value in enumerate(values, 1):
        if progress:
            progress(done, total)
        yield value


def verdict(difference: float, margin: float = 0.0) -> float:
    """A score difference as win 1, tie ½, loss 0."""
    return 0.5 if abs(difference) <= margin else float(difference > 0)


def win(judge: Judge, prompt: str, mine: str, other: str) -> float:
    """How `mine` does against `other`: 1, ½ or 0, shown in both orders to a judge for whom order can matter."""
    return wins(judge, [(prompt, mine, other)])[0][0]


def wins(judge: Judge, items: Sequence[Compared], progress: Progress | None = None) -> tuple[list[float], list[float]]:
    """How each item's first does against its second, and 1 where the judge contradicts itself when they swap places.

    A judge for whom order cannot matter is asked once and never contradicts itself. The win is the mean of both orders,
    so a judge that always likes the same place gives ½ (Zheng et al. 2023). Equal texts tie without being asked about.
    """
    if not judge.ordered:
        return judge.compares(items, progress), [0.0] * len(items)
    asked = [i for i, (_, mine, other) in enumerate(items) if mine != other]
    turned = [(prompt, other, mine) for prompt, mine, other in (items[i] for i in asked)]
    said = judge.compares([*(items[i] for i in asked), *turned], progress)
    won, contradicted = [0.5] * len(items), [0.0] * len(items)
    for i, forward, backward in zip(asked, said[: len(asked)], said[len(asked) :], strict=True):
        won[i] = (forward + 1 - backward) / 2
        contradicted[i] = float(forward + backward != 1)
    return won, contradicted
