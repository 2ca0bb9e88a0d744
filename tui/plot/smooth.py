"""Smoothing in the units of the x axis, so that zooming in or out never changes what a smoothed value says."""

from __future__ import annotations

import math
from collections.abc import Sequence


def ema(x: Sequence[float], y: Sequence[float], tau: float) -> list[float]:
    """Exponential moving average of `y` with time constant `tau` in units of x (0: as it is).

    Weights decay with the distance in x, not with the number of points, so a decimated series smooths like the full
    one. Debiased at the start by dividing by the summed weights. A NaN stays NaN and leaves the average as it was.
    """
    if tau <= 0:
        return list(y)
    out: list[float] = []
    total = weight = 0.0
    last: float | None = None
    for at, value in zip(x, y, strict=True):
        if not math.isfinite(value):
            out.append(math.nan)
            continue
        keep = 0.0 if last is None else math.exp(-(at - last) / tau)
        gain = 1.0 if last is None else 1.0 - keep
        total, weight, last = total * keep + value * gain, weight * keep + gain, at
        out.append(total / weight)
    return out
