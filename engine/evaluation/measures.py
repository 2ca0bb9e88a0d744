"""Items into Metrics: the value, its n and its interval, and None wherever a number came out that is not finite."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.evaluation.intervals import Interval, bootstrap, clustered_rate, ratio
from engine.records import Group, Metric


def rate(
    name: str,
    group: Group,
    items: Sequence[float],
    clusters: Sequence[int] | None = None,
    categories: Sequence[str] = (),
) -> Metric:
    """A share of items in [0, 1]. `clusters` says which items come from one prompt."""
    if not items:
        return missing(name, group)
    interval = clustered_rate(items, clusters if clusters is not None else range(len(items)))
    return metric(name, group, sum(items) / len(items), interval, items, categories)


def mean(
    name: str,
    group: Group,
    items: Sequence[float],
    clusters: Sequence[int] | None = None,
    weights: Sequence[float] | None = None,
    categories: Sequence[str] = (),
) -> Metric:
    """A mean of items, weighted where weights (tokens, say) are given, with a bootstrap interval over clusters."""
    if not items:
        return missing(name, group)
    counts = weights if weights is not None else [1.0] * len(items)
    totals = [item * count for item, count in zip(items, counts, strict=True)]
    value = sum(totals) / sum(counts) if sum(counts) else math.nan
    if not math.isfinite(value):
        return missing(name, group, items, categories)
    where = clusters if clusters is not None else range(len(items))
    return metric(name, group, value, bootstrap([totals, counts], where, ratio), items, categories)


def fixed(name: str, group: Group, value: float, n: int, categories: Sequence[str] = ()) -> Metric:
    """A value that the baseline has by definition: half of all comparisons with itself, no KL from itself."""
    return metric(name, group, value, (value, value), [value] * n, categories)


def missing(name: str, group: Group, items: Sequence[float] = (), categories: Sequence[str] = ()) -> Metric:
    """A metric that could not be measured. The rules take it for a failure, never for a pass."""
    return Metric(name, None, group, len(items), items=tuple(items) or None, categories=_named(categories))


def metric(
    name: str, group: Group, value: float, interval: Interval, items: Sequence[float], categories: Sequence[str] = ()
) -> Metric:
    low, high = interval
    if not math.isfinite(value):
        return missing(name, group, items, categories)
    known = math.isfinite(low) and math.isfinite(high)
    return Metric(
        name,
        value,
        group,
        len(items),
        low if known else None,
        high if known else None,
        tuple(items),
        _named(categories),
    )


def _named(categories: Sequence[str]) -> tuple[str, ...] | None:
    return tuple(categories) if any(categories) else None
