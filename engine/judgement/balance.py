"""Helpfulness against harmlessness: one measure, its mean over the evaluated items of either kind of category.

Training on one side often pays with the other (Bai et al., arXiv 2204.05862), which a mean over all items hides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from engine.judgement import tree
from engine.judgement.weights import DEFAULT, Kind, kind_of
from engine.records import HELD_OUT_JUDGE, WIN_RATE, History, Iteration, Metric

HELPFUL: Kind = "nuanced"
HARMLESS: Kind = "safety"
MEASURES = (WIN_RATE, HELD_OUT_JUDGE)
"""The first that has items of both kinds. Both are by the judge that training never asked, where the run has one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an iteration stands: its mean over the items of either kind. `on_line`: accepted on the way to the newest,
    which is on it too."""

    index: int
    helpful: float
    harmless: float
    on_line: bool


@dataclass(frozen=True, slots=True)
class Balance:
    """Places in order of iteration, none where a side has no items. `of` counts the newest place's items, helpful
    first; the names are of the categories that were found, whether there are places or not.
    """

    measure: str = WIN_RATE
    places: tuple[Place, ...] = ()
    of: tuple[int, int] = (0, 0)
    helpful: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def line(self) -> tuple[Place, ...]:
        """From the baseline to the newest."""
        return tuple(place for place in self.places if place.on_line)


def balance(history: History, kinds: Mapping[str, Kind] | None = None) -> Balance:
    """Pure. `kinds` says which kind the data's own categories are of, where their names do not."""
    found = [_balance(history, name, kinds or {}) for name in MEASURES]
    return next((each for each in found if each.places), found[0])


def _balance(history: History, measure: str, kinds: Mapping[str, Kind]) -> Balance:
    of = {each.index: _sides(tree.measured(each, measure), kinds) for each in history.iterations}
    with_both = [each for each in history.iterations if all(of[each.index])]
    named = _categories(history.iterations, measure, kinds)
    if not with_both:
        return Balance(measure, (), (0, 0), *named)
    newest = with_both[-1]
    line = {tree.BASELINE, *(each.index for each in tree.line(history, newest))}
    means = {index: (fmean(sides[0]), fmean(sides[1])) for index, sides in of.items() if all(sides)}
    places = tuple(Place(index, *mean, index in line) for index, mean in means.items())
    helpful, harmless = of[newest.index]
    return Balance(measure, places, (len(helpful), len(harmless)), *named)


def _sides(metric: Metric | None, kinds: Mapping[str, Kind]) -> tuple[list[float], list[float]]:
    """The metric's items of either kind."""
    sides: dict[Kind, list[float]] = {HELPFUL: [], HARMLESS: []}
    if metric is not None and metric.items and metric.categories and len(metric.items) == len(metric.categories):
        schedule = replace(DEFAULT, kinds=kinds)
        kind = {name: kind_of(name, schedule) for name in set(metric.categories)}
        for item, name in zip(metric.items, metric.categories, strict=True):
            if kind[name] in sides:
                sides[kind[name]].append(item)
    return sides[HELPFUL], sides[HARMLESS]


def _categories(
    iterations: Sequence[Iteration], measure: str, kinds: Mapping[str, Kind]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Names of the helpful, of the harmless, and of all other categories that were ever evaluated."""
    schedule = replace(DEFAULT, kinds=kinds)
    metrics = [metric for each in iterations if (metric := tree.measured(each, measure))]
    names = sorted({name for metric in metrics for name in metric.categories or () if name})
    kind = {name: kind_of(name, schedule) for name in names}
    sides = [tuple(name for name in names if kind[name] == side) for side in (HELPFUL, HARMLESS)]
    return sides[0], sides[1], tuple(name for name in names if kind[name] not in (HELPFUL, HARMLESS))
