"""Judged completions of one prompt into pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal

from engine.data.task import Pair, Prompt
from engine.models.generate import Completion
from engine.models.tokens import Content

Pairing = Literal["nested", "best_worst", "all"]
Ranked = Sequence[tuple[float, str]]
"""(score, text), worst first."""


def different(completions: Sequence[Completion]) -> list[str]:
    """The different texts that came to an end, in alphabetical order."""
    return sorted({completion.text for completion in completions if completion.finished and completion.text.strip()})


def contrast(prompt: Prompt, ranked: Ranked, min_gap: float, pairing: Pairing, source: str = "") -> Iterator[Pair]:
    """Pairs whose judged gap is `min_gap` at least: of the best and the worst (`best_worst`); a second one from further
    in too, which teaches the finer differences (`nested`); or every two (`all`).
    """
    for low, high in _places(len(ranked), pairing):
        (worse, rejected), (better, chosen) = ranked[low], ranked[high]
        if better - worse >= min_gap and better > worse:
            yield Pair(
                prompt.content,
                joined(prompt.content, chosen),
                joined(prompt.content, rejected),
                prompt.category,
                better - worse,
                source,
                scores=(better, worse),
            )


def _places(count: int, pairing: Pairing) -> list[tuple[int, int]]:
    if pairing == "all":
        return list(combinations(range(count), 2))
    places = [(0, count - 1), (count // 3, count - 1 - count // 4)]
    return [(low, high) for low, high in places[: 1 + (pairing == "nested")] if 0 <= low < high]


def joined(prompt: Content, text: str) -> str:
    """A completion as it follows a plain prompt in text: word tokenizers decode without the space between them."""
    glued = isinstance(prompt, str) and not prompt[-1:].isspace() and not text[:1].isspace()
    return f" {text}" if glued else text
