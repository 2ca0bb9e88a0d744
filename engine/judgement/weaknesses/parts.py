"""A metric by category: each category's items as a metric of their own, and the test of one against the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from engine.judgement import evidence
from engine.judgement.evidence import TOO_FEW, Finding
from engine.judgement.figures import p_value
from engine.records import Metric

_CLUSTERED = 1.25  # as in evidence: a recorded interval this much wider, in variance, than its items alone


@lru_cache(maxsize=256)  # the same metrics are looked at again at each later gate
def parts(metric: Metric) -> Mapping[str, Metric]:
    """The metric of each named category, in alphabetical order; empty where items do not say their category."""
    items, names = metric.items, metric.categories
    if not items or not names or len(items) != len(names) or not all(map(math.isfinite, items)):
        return {}
    places: dict[str, list[float]] = {}
    for item, name in zip(items, names, strict=True):
        places.setdefault(name, []).append(item)
    effect = crowding(metric)
    return {name: _part(metric, tuple(places[name]), effect) for name in sorted(places) if name}


def part(metric: Metric, category: str) -> Metric | None:
    return parts(metric).get(category)


def lower(part: Metric, whole: Metric) -> Finding:
    """Is a category's rate really below that of all other items? Unpaired: they are different items.

    Fisher's exact test on counts. Ties count half, rounded in favour of the category: a score between 0 and 1 varies
    less than right/wrong of the same mean, so the test errs towards no finding. Counts are divided by the design effect
    where several samples share a prompt.
    """
    mine, all_items = part.items or (), whole.items or ()
    counts = (len(mine), math.fsum(mine), len(all_items) - len(mine), math.fsum(all_items) - math.fsum(mine))
    effect = crowding(whole)
    p = _fisher(*(count / effect for count in counts))
    shared = f", counts ÷ {effect:.2g} for samples that share a prompt" if effect > 1 else ""
    test = f"Fisher's exact test, {counts[0]} items against {counts[2]} of the rest{shared}, {p_value(p)}"
    return Finding("suspected" if len(mine) >= TOO_FEW else "too_few_samples", p, test, len(mine))


def rest(part: Metric, whole: Metric) -> float | None:
    """The value over all items outside the category; None where there are none."""
    mine, all_items = part.items or (), whole.items or ()
    others = len(all_items) - len(mine)
    return (math.fsum(all_items) - math.fsum(mine)) / others if others else None


@lru_cache(maxsize=256)
def crowding(metric: Metric) -> float:
    """The design effect: how much wider, in variance, the recorded interval is than independent items would give."""
    known, alone = evidence.interval(metric), evidence.interval(replace(metric, low=None, high=None))
    if known is None or alone is None or alone[0] == alone[1]:
        return 1.0
    effect = ((known[1] - known[0]) / (alone[1] - alone[0])) ** 2
    return effect if effect >= _CLUSTERED else 1.0


def paired(now: Metric, before: Metric) -> bool:
    """Do both name the same category at every place, so that their parts pair up by item?"""
    return now.categories is not None and now.categories == before.categories


def _part(metric: Metric, items: tuple[float, ...], effect: float) -> Metric:
    value = math.fsum(items) / len(items)
    alone = replace(metric, value=value, n=len(items), low=None, high=None, items=items, categories=None)
    bounds = evidence.interval(alone)
    if effect == 1.0 or bounds is None:
        return alone
    wider = math.sqrt(effect)
    return replace(alone, low=value - (value - bounds[0]) * wider, high=value + (bounds[1] - value) * wider)


@lru_cache(maxsize=4096)
def _fisher(n: float, right: float, others: float, others_right: float) -> float:
    """P(as few or fewer right among the category's), given how many are right in all; whole numbers made of counts."""
    from scipy.stats import hypergeom  # takes most of a second to import; only a gate needs it

    mine, theirs = math.floor(n), math.floor(others)
    won = min(mine, math.ceil(right))
    won_elsewhere = min(theirs, math.floor(others_right))
    return float(hypergeom.cdf(won, mine + theirs, won + won_elsewhere, mine))
