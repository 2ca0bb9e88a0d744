"""Axes: ranges that hold still while data arrives, ticks at round numbers, labels as short as they are exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def nice_step(span: float, count: int) -> float:
    """The smallest of 1, 2, 2.5 or 5 times a power of ten that cuts `span` into at most `count` intervals."""
    rough = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * (1 - 1e-9))


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers within [low, high], about `count` of them."""
    if not high > low:
        return [low]
    step = nice_step(high - low, count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def decimals(step: float) -> int:
    """How many decimals tell multiples of `step` apart exactly, as far as they are decimal."""
    for places in range(10):
        if abs(round(step, places) - step) < step * 1e-6:
            return places
    return 10


def labels(values: Sequence[float]) -> list[str]:
    """One form for all of an axis: fixed decimals, thousands as k and M, or a mantissa where numbers are tiny."""
    if not values:
        return []
    top = max(abs(value) for value in values)
    step = min((b - a for a, b in pairwise(values)), default=top) or 1.0
    if top and top < 1e-3:
        return [scientific(value) for value in values]
    for unit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if top >= 10 * unit or (top >= unit and step >= unit / 2):
            places = decimals(step / unit)
            return [f"{value / unit:.{places}f}{suffix}" if value else "0" for value in values]
    places = decimals(step)
    return [f"{value:.{places}f}" if value else "0" for value in values]


def scientific(value: float) -> str:
    """`5e-6`, `2.5e-6`: the exponent without padding, the mantissa with two digits at most."""
    if not value:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def number(value: float) -> str:
    """A single reading with three or four significant digits, for a border."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("-inf" if value < 0 else "inf")
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        return scientific(value)
    places = 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:,.{places}f}"


@dataclass(frozen=True, slots=True)
class Axis:
    """A y axis: `low` and `high` in data units; on a log axis both are positive."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def fit(cls, low: float, high: float, *, log: bool = False) -> Axis:
        """An axis that holds [low, high] with ends rounded outwards, so that it moves seldom as data arrives."""
        if log:
            return cls._fit_log(low, high)
        if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
            pad = abs(high) * 0.1 or 1.0
            low, high = low - pad, high + pad
        step = nice_step(high - low, 10)
        return cls(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)

    @classmethod
    def _fit_log(cls, low: float, high: float) -> Axis:
        if high <= low * (1 + 1e-9):
            low, high = low / 2, high * 2
        ends = []
        for value, outward in ((low, math.floor), (high, math.ceil)):
            power = 10.0 ** math.floor(math.log10(value) + 1e-12)
            ends.append(outward(round(value / power, 9)) * power)
        return cls(ends[0], ends[1], log=True)

    def place(self, value: float) -> float:
        """Where `value` lies from the bottom (0) to the top (1); NaN where this axis has no place for it."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return math.nan
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, count: int) -> list[float]:
        """About `count` round numbers in order; a log axis takes powers of ten, or 1-2-5 when there are few."""
        if not self.log:
            return ticks(self.low, self.high, count)
        first, last = math.floor(math.log10(self.low) + 1e-9), math.ceil(math.log10(self.high) - 1e-9)
        every = max(1, math.ceil((last - first) / max(count, 1)))
        decades = [10.0**power for power in range(first, last + 1, every)]
        fine = [10.0**power * digit for power in range(first, last + 1) for digit in (1, 2, 5)]
        inside = [value for value in decades if self._holds(value)]
        return inside if len(inside) >= 3 or every > 1 else [value for value in fine if self._holds(value)][: count + 3]

    def _holds(self, value: float) -> bool:
        return self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)
