"""Axes whose labels are round numbers at even distances, and whose range holds still while data arrives.

A range is fitted to the rows of the chart: a labelled step always takes a whole number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tui.plot.labels import decade, labels
from tui.plot.series import Array

Candidate = tuple[float, float, int]
"""Dots per unit, the step between labels, and the rows that it takes."""

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LEAST = 1e-300  # a log axis starts no lower: below, powers of ten are no longer exact


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


@dataclass(frozen=True, slots=True)
class Axis:
    """A y axis over `dots` rows of dots: `top` and `bottom` are the values at the first and the last.

    `named` are (value, label) of its ticks. On a log axis top and bottom are logarithms.
    """

    top: float
    bottom: float
    dots: int
    named: tuple[tuple[float, str], ...] = ()
    log: bool = False

    def place(self, value: float) -> float:
        """Row of dots, from the top, as a fraction; NaN where this axis has no place for the value."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return math.nan
        shown = math.log10(value) if self.log else value
        return (self.top - shown) / (self.top - self.bottom) * (self.dots - 1)

    def places(self, values: Array) -> Array:
        """`place` of many: infinities and what a log axis cannot hold become NaN."""
        with np.errstate(divide="ignore", invalid="ignore"):
            rows = (self.top - (np.log10(values) if self.log else values)) / (self.top - self.bottom) * (self.dots - 1)
        rows[~np.isfinite(rows)] = math.nan
        return rows


def fit(low: float, high: float, rows: int, down: int, *, log: bool = False, widest: int = 6) -> Axis:
    """The axis over `rows` rows of `down` dots that holds [low, high] with the least room to spare.

    Labels have at most `widest` characters where any step allows it.
    """
    if log:
        return _fit_log(low, high, rows, down)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-290):
        pad = abs(high) * 0.1 or 1.0
        low, high = low - pad, high + pad
    held = (_held(low, high, rows, down, candidate) for candidate in _candidates(high - low, rows, down))
    spare: Axis | None = None
    for axis in filter(None, held):
        if all(len(label) <= widest for _, label in axis.named):
            return axis
        spare = spare or axis
    return spare or Axis(high, low, rows * down)


def _held(low: float, high: float, rows: int, down: int, candidate: Candidate) -> Axis | None:
    """The axis of one candidate, with [low, high] as low as it goes when positive, else in the middle."""
    per, step, apart = candidate
    middle, last = (down - 1) / 2, rows * down - 1
    # `zero` is the row, perhaps outside of the chart, in whose middle the value 0 lies.
    first = math.ceil((high * per - middle - 0.5) / down - 1e-9)
    final = math.floor((last + 0.5 - middle + low * per) / down + 1e-9)
    if first > final:
        return None
    zero = final if low >= 0 else (first + final) // 2
    values = [(zero - row) // apart * step for row in range(rows) if (zero - row) % apart == 0]
    top = (zero * down + middle) / per
    return Axis(top, top - last / per, last + 1, tuple(zip(values, labels(values), strict=True)))


def _candidates(span: float, rows: int, down: int) -> list[Candidate]:
    """What could hold `span`, the most magnified first."""
    power = 10.0 ** math.floor(math.log10(span))
    found = []
    for apart in range(min(max(2, rows // 8), max(rows - 1, 1)), max(3, rows // 3) + 1):
        for step in (size * power * scale for scale in (0.01, 0.1, 1.0, 10.0) for size in _STEPS[:-1]):
            per = apart * down / step
            if span * per <= rows * down:
                found.append((per, step, apart))
    return sorted(found, key=lambda candidate: (-candidate[0], candidate[2]))


def _fit_log(low: float, high: float, rows: int, down: int) -> Axis:
    """Powers of ten, or 1-2-5 where there are few; ends at a digit times a power of ten."""
    low, high = max(low, _LEAST), max(high, _LEAST)
    if high <= low * (1 + 1e-9):
        low, high = low / 2, high * 2
    bottom, top = (_outward(value, turn) for value, turn in ((low, math.floor), (high, math.ceil)))
    first, last = math.floor(math.log10(bottom)), math.ceil(math.log10(top))
    every = max(1, math.ceil((last - first) * 2 / max(rows, 1)))
    decades = [10.0**power for power in range(first, last + 1, every)]
    fine = [10.0**power * digit for power in range(first, last + 1) for digit in (1, 2, 5)]
    values = [value for value in decades if bottom <= value <= top]
    if len(values) < 3 and every == 1:
        values = [value for value in fine if bottom <= value <= top]
    named = tuple((value, decade(value)) for value in values)
    return Axis(math.log10(top), math.log10(bottom), rows * down, named, log=True)


def _outward(value: float, turn: Callable[[float], int]) -> float:
    """`value` turned (up or down) to one digit times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-12)
    return turn(round(value / power, 9)) * power
