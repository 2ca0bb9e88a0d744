"""Pairs from the policy's own completions: several a prompt, judged as they come, the better against the worse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from engine.config.schema import DataConfig
from engine.data.collect.pairing import contrast, different
from engine.data.task import Pair, Prompt
from engine.judges.base import Judge
from engine.models.generate import Arrived, Completion, Progress
from engine.models.tokens import Content

Asked = tuple[Prompt, bool]
"""A prompt, and whether the gate's plan asked for it."""


class Generator(Protocol):
    """`engine.models.generate.generate` with its model given, or what stands in for it."""

    def __call__(
        self,
        prompts: Sequence[Content],
        *,
        max_new_tokens: int,
        temperature: float,
        seed: int,
        batch_size: int,
        progress: Progress | None = None,
        arrived: Arrived | None = None,
    ) -> list[Completion]: ...


@dataclass
class Sampled:
    """How sampling stands. `unclear` prompts had no two answers far enough apart; `tokens` are those generated."""

    asked: int = 0
    prompts: int = 0
    completions: int = 0
    unclear: int = 0
    tokens: int = 0
    scores: list[float] = field(default_factory=list)
    pairs: dict[int, list[Pair]] = field(default_factory=dict)

    @property
    def accepted(self) -> float:
        """The share of the prompts that gave a pair."""
        return 1 - self.unclear / self.prompts if self.prompts else 0.0


Live = Callable[[Sampled, Sequence[Pair]], None]
"""Told how sampling stands, with the pairs that were just made."""


def sample_pairs(
    generator: Generator,
    judge: Judge,
    asked: Sequence[Asked],
    data: DataConfig,
    rng: Random,
    progress: Progress | None = None,
    live: Live | None = None,
) -> tuple[list[Pair], Sampled]:
    """Pairs among `data.completions` sampled answers to each prompt, in the order of the prompts.

    Each batch is judged as soon as the answers to a prompt are complete, so that there is something to see early.
    """
    groups = _Groups(judge, asked, data, progress, live)
    generator(
        [prompt.content for prompt, _ in asked for _ in range(data.completions)],
        max_new_tokens=data.max_new_tokens,
        temperature=data.temperature,
        seed=rng.getrandbits(31),
        batch_size=data.batch_size,
        progress=progress,
        arrived=groups.take,
    )
    return groups.pairs(), groups.so_far


class _Groups:
    """The answers to each prompt, judged when they are complete."""

    def __init__(
        self, judge: Judge, asked: Sequence[Asked], data: DataConfig, progress: Progress | None, live: Live | None
    ) -> None:
        self._judge, self._asked, self._data, self._progress, self._live = judge, asked, data, progress, live
        self._waiting: dict[int, list[Completion]] = {}
        self.so_far = Sampled(asked=len(asked))

    def take(self, batch: Sequence[tuple[int, Completion]]) -> None:
        for place, completion in batch:
            self._waiting.setdefault(place // self._data.completions, []).append(completion)
            self.so_far.completions += 1
            self.so_far.tokens += len(completion.ids)
        whole = sorted(i for i, group in self._waiting.items() if len(group) == self._data.completions)
        made = self._judged({i: different(self._waiting.pop(i)) for i in whole})
        if self._live:
            self._live(self.so_far, made)

    def pairs(self) -> list[Pair]:
        return [pair for i in sorted(self.so_far.pairs) for pair in self.so_far.pairs[i]]

    def _judged(self, texts: dict[int, list[str]]) -> list[Pair]:
        items = [(self._asked[i][0].text, text) for i, group in texts.items() for text in group]
        scores = iter(self._judge.scores(items, self._beat) if items else [])
        made: list[Pair] = []
        for i, group in texts.items():
            made += self._paired(i, sorted((next(scores), text) for text in group))
        return made

    def _paired(self, i: int, ranked: list[tuple[float, str]]) -> list[Pair]:
        (prompt, targeted), so_far = self._asked[i], self.so_far
        source = "targeted" if targeted else "on policy"
        found = list(contrast(prompt, ranked, self._data.min_gap, self._data.pairing, source))
        so_far.pairs[i] = found
        so_far.prompts += 1
        so_far.unclear += not found
        so_far.scores += [score for score, _ in ranked]
        return found

    def _beat(self, _done: int, _total: int) -> None:
        """A judge may take long: the operator is heard between its answers too."""
        if self._progress:
            self._progress(self.so_far.completions, len(self._asked) * self._data.completions)
