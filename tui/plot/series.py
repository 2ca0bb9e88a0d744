"""The points of a chart, raw and smoothed. Smoothing is in units of x, so zooming never changes what a value says."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Range = tuple[float, float]


def ema(x: Array, y: Array, tau: float) -> Array:
    """Exponential moving average of `y` with time constant `tau` in units of x (0: as it is).

    Weights decay with the distance in x, not with the number of points, so a decimated series smooths like the full
    one. Debiased at the start by dividing by the summed weights. A NaN stays NaN and leaves the average as it was.
    """
    known = np.isfinite(y)
    if tau <= 0 or not known.any():
        return y
    at = x[known]
    before = 2 * at[0] - at[1] if len(at) > 1 else at[0] - 1.0  # the first point counts like one at the usual distance
    kept = np.exp(-np.diff(at, prepend=before) / tau)
    total = weight = 0.0
    smooth = []
    for value, keep in zip(y[known].tolist(), kept.tolist(), strict=True):
        total = total * keep + value * (1.0 - keep)
        weight = weight * keep + (1.0 - keep)
        smooth.append(total / weight if weight else value)
    result = np.full_like(y, math.nan)
    result[known] = smooth
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Points in rising x: each stands for the raw values between `low` and `high`, with their `mean`.

    `smooth` is the mean smoothed with time constant `tau` (units of x). All of one length, float64.
    """

    x: Array
    low: Array
    high: Array
    mean: Array
    smooth: Array
    tau: float = 0.0

    @classmethod
    def of(cls, x: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, mean: npt.ArrayLike, tau: float) -> Series:
        xs, lows, highs, means = (np.asarray(values, dtype=np.float64) for values in (x, low, high, mean))
        return cls(xs, lows, highs, means, ema(xs, means, tau), tau)

    def smoothed(self, tau: float) -> Series:
        return self if tau == self.tau else replace(self, smooth=ema(self.x, self.mean, tau), tau=tau)

    @property
    def extent(self) -> Range | None:
        return (float(self.x[0]), float(self.x[-1])) if len(self.x) else None

    def last(self) -> int | None:
        """The newest point that is a number."""
        known = np.flatnonzero(np.isfinite(self.mean))
        return int(known[-1]) if len(known) else None

    def nearest(self, at: float) -> int | None:
        """The point nearest to x = `at`, a number or not."""
        return int(np.argmin(np.abs(self.x - at))) if len(self.x) else None

    def within(self, view: Range) -> Series:
        """The points in `view` and one more on either side, for the line to run to the edge."""
        first, last = np.searchsorted(self.x, view[0]), np.searchsorted(self.x, view[1], side="right")
        cut = slice(max(int(first) - 1, 0), int(last) + 1)
        return Series(self.x[cut], self.low[cut], self.high[cut], self.mean[cut], self.smooth[cut], self.tau)
