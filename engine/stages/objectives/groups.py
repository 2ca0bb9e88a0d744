"""Pairs of one prompt put together again: the answers that were sampled for it, and which is better than which."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from engine.data.task import Pair
from engine.records import Content

Edge = tuple[int, int]
"""(better, worse), places among the answers of one group."""


@dataclass(frozen=True, slots=True)
class Group:
    """Two answers or more to one prompt. `best` is a place among them; `weight` is the mean of the group's pairs'."""

    prompt: Content
    answers: tuple[str, ...]
    ordered: tuple[Edge, ...]
    best: int
    weight: float


def groups(pairs: Sequence[Pair]) -> list[Group]:
    """The pairs as groups of answers that are ranked with one another.

    Answers to a prompt belong together where pairs connect them. A pair orders its two sides, and so do a judge's
    scores of any two, unless a pair says otherwise: an operator's word counts for more than a judge's.
    """
    by_prompt: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_prompt.setdefault(json.dumps(pair.prompt, sort_keys=True), []).append(pair)
    return [_group(part) for same in by_prompt.values() for part in _connected(same)]


def _connected(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Pairs of one prompt, apart where they share no answer, not even through others."""
    parts: list[tuple[set[str], list[Pair]]] = []
    for pair in pairs:
        texts, together = {pair.chosen, pair.rejected}, [pair]
        apart = []
        for known, members in parts:
            if known & texts:
                texts, together = known | texts, members + together
            else:
                apart.append((known, members))
        parts = [*apart, (texts, together)]
    return [members for _, members in parts]


def _group(pairs: Sequence[Pair]) -> Group:
    answers = tuple(dict.fromkeys(text for pair in pairs for text in (pair.chosen, pair.rejected)))
    places = {text: i for i, text in enumerate(answers)}
    named = {(places[pair.chosen], places[pair.rejected]) for pair in pairs}
    scores: dict[int, float] = {}
    for pair in pairs:
        if pair.scores:
            scores |= {places[pair.chosen]: pair.scores[0], places[pair.rejected]: pair.scores[1]}
    scored = {(i, j) for i, j in permutations(scores, 2) if scores[i] > scores[j] and (j, i) not in named}
    ordered = sorted(named | scored)
    wins = Counter(better for better, _ in ordered)
    wins.subtract(worse for _, worse in ordered)
    best = max(range(len(answers)), key=lambda i: (wins[i], scores.get(i, 0.0), -i))
    return Group(pairs[0].prompt, answers, tuple(ordered), best, sum(pair.weight for pair in pairs) / len(pairs))
