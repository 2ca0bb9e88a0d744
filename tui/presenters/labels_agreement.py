"""How far an operator and the judge agree, beyond what chance alone would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """`raw` is the share of `n` pairs on which both said the same; `kappa` is 1 for all, 0 for as much as by chance.

    None where there is nothing to say: no pairs, or for kappa two raters who never used a second word.
    """

    n: int
    raw: float | None
    kappa: float | None


def agreement(said: Sequence[tuple[str, str]]) -> Agreement:
    """Of (operator, judge) words, one entry a pair: Cohen's kappa (Educational and Psychological Measurement, 1960).

    The words have to be positions on the screen, 1 or 2: a judge that always says "chosen" has no kappa.
    """
    n = len(said)
    if not n:
        return Agreement(0, None, None)
    ours, theirs = (Counter(entry[rater] for entry in said) for rater in (0, 1))
    by_chance = sum(ours[word] * theirs[word] for word in ours)  # times n²
    same = sum(a == b for a, b in said)
    kappa = None if by_chance == n * n else (same * n - by_chance) / (n * n - by_chance)
    return Agreement(n, same / n, kappa)
