"""What an iteration takes over: the line's earlier pairs, and those that an operator judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random

from engine.data.collect.draw import draw
from engine.data.task import Pair
from engine.records import Label

STAYING = frozenset({"targeted", "critique", "operator"})
REPLAYED = frozenset({"on policy"})


def replayed(before: Sequence[Pair], share: float, rng: Random) -> list[Pair]:
    """The parent's pairs that stay in the mix: all that were collected for a weakness, by critique or by hand, and
    `share` of those that the policy gave unasked.

    The parent's pairs hold its own parent's that stayed, so this is the whole line's; what was born in an abandoned
    iteration is on no parent's list.
    """
    stay = [pair for pair in before if pair.source in STAYING]
    usual = [pair for pair in before if pair.source in REPLAYED]
    return stay + draw(rng, usual, round(share * len(usual)))


def labelled(labels: Iterable[Label], known: Mapping[str, Pair]) -> tuple[list[Pair], frozenset[str]]:
    """(pairs as their operators see them, ids of those that an operator called a tie or bad).

    Where operators differ, the last one's word counts. A skip says nothing.
    """
    last = {label.pair: label for label in labels if label.choice != "skip"}
    spoken = {name: label for name, label in last.items() if name in known and label.agrees is not None}
    out = frozenset(name for name, label in last.items() if label.agrees is None)
    return [_as_seen(known[name], label) for name, label in spoken.items()], out


def _as_seen(pair: Pair, label: Label) -> Pair:
    seen = replace(pair, source="operator", author=label.who, gap=None, scores=None)
    return seen if label.agrees else replace(seen, chosen=pair.rejected, rejected=pair.chosen)
