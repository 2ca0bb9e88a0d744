"""95 % intervals of what is measured, honest about several samples coming from one prompt."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Z = 1.959963984540054  # two-sided 95 % of the normal distribution
RESAMPLES = 2000

Floats = NDArray[np.float64]
Interval = tuple[float, float]


def wilson(rate: float, n: float) -> Interval:
    """Wilson's score interval for a rate out of `n` independent trials; `n` may be an effective number."""
    if n <= 0:
        return 0.0, 1.0
    middle = (rate + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(rate * (1 - rate) / n + Z * Z / (4 * n * n))
    # At the ends the bound is exact, and only its arithmetic is not.
    return 0.0 if rate == 0 else max(0.0, middle - half), 1.0 if rate == 1 else min(1.0, middle + half)


def clustered_rate(items: Sequence[float], clusters: Sequence[int]) -> Interval:
    """Wilson's interval with the effective sample size (Korn and Graubard 1998): items of one cluster, which is one
    prompt, are not independent. `items` lie in [0, 1].
    """
    values, groups = np.asarray(items, float), np.asarray(clusters)
    count = len(np.unique(groups))
    rate = float(values.mean())
    residuals = np.bincount(np.unique(groups, return_inverse=True)[1], weights=values - rate)
    spread = float((residuals**2).sum()) * count / max(1, count - 1) / len(values) ** 2
    effective = rate * (1 - rate) / spread if spread > 0 else count
    return wilson(rate, min(float(len(values)), max(1.0, effective)))


def bootstrap(
    columns: Sequence[Sequence[float]], clusters: Sequence[int], statistic: Callable[..., Floats], seed: int = 0
) -> Interval:
    """Percentile bootstrap over clusters of a statistic of the columns' sums.

    `statistic` maps each column's resampled sum, arrays of shape (resamples,), to the statistic; a mean is
    `lambda total, count: total / count` over columns of values and of ones.
    """
    where = np.unique(np.asarray(clusters), return_inverse=True)[1]
    sums = [np.bincount(where, weights=np.asarray(column, float)) for column in columns]
    count = len(sums[0])
    picks = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = statistic(*(column[picks].sum(axis=1) for column in sums))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def ratio(total: Floats, count: Floats) -> Floats:
    """The statistic of a mean, or of any ratio of sums."""
    return total / count
