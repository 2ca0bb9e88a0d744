"""A judge for any preference file: is a completion more like the chosen answer than like the rejected one?

It needs no model and cannot be talked round, but it knows words only. A good answer in other words scores near 0, and
copying the chosen answer's vocabulary scores well. Read its win rate as "moved towards the recorded preferences",
not as "better".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from engine.judges.base import ScoringJudge

_WORD = re.compile(r"\w+|[^\w\s]")


class OverlapJudge(ScoringJudge):
    """Token F1 with the nearest chosen answer minus token F1 with the nearest rejected one, in [-1, 1]."""

    name = "overlap"

    def __init__(self, references: Iterable[tuple[str, str, str]]) -> None:
        """`references` are (prompt, chosen, rejected); a prompt may have several."""
        self._references: dict[str, list[tuple[Counter[str], Counter[str]]]] = {}
        for prompt, chosen, rejected in references:
            self._references.setdefault(prompt, []).append((_words(chosen), _words(rejected)))

    def score(self, prompt: str, completion: str) -> float:
        """Raises KeyError for a prompt that has no recorded pair."""
        references = self._references[prompt]
        words = _words(completion)
        return max(token_f1(words, chosen) for chosen, _ in references) - max(
            token_f1(words, rejected) for _, rejected in references
        )


def token_f1(a: Counter[str], b: Counter[str]) -> float:
    """Harmonic mean of precision and recall of shared tokens, as SQuAD scores answers (Rajpurkar et al. 2016)."""
    shared = (a & b).total()
    return 2 * shared / (a.total() + b.total()) if shared else 0.0


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))
