"""What a judge is: it scores one completion, or compares two for the same prompt."""

from __future__ import annotations

from typing import Protocol


class Judge(Protocol):
    """`ordered` says that `compare` may depend on which completion it is shown first, as an LLM's verdict does."""

    @property
    def name(self) -> str: ...

    @property
    def ordered(self) -> bool: ...

    def score(self, prompt: str, completion: str) -> float:
        """How good the completion is; only differences for one prompt mean anything."""
        ...

    def compare(self, prompt: str, first: str, second: str) -> float:
        """1 where the first is better, 0 where the second is, ½ for a tie."""
        ...


class ScoringJudge:
    """A judge that compares by its scores, so that order cannot matter."""

    ordered = False

    def score(self, prompt: str, completion: str) -> float:
        raise NotImplementedError

    def compare(self, prompt: str, first: str, second: str) -> float:
        return verdict(self.score(prompt, first) - self.score(prompt, second))


def verdict(difference: float) -> float:
    """A score difference as win 1, tie ½, loss 0."""
    return 0.5 if difference == 0 else float(difference > 0)


def win(judge: Judge, prompt: str, mine: str, other: str) -> float:
    """How `mine` does against `other`: 1, ½ or 0, shown in both orders to a judge for whom order can matter."""
    forward = judge.compare(prompt, mine, other)
    if not judge.ordered:
        return forward
    return (forward + 1 - judge.compare(prompt, other, mine)) / 2
