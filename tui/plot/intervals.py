"""Values with their 95 % intervals on one scale, one under the other, with the limit as a line across them.

baseline  0.417       ├───────●───────┤   ┊        an interval that misses the limit lies wholly on one side of it
this      0.283  ├──────●──────┤          ┊
                 0.2       0.4       0.6
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tui.glyphs import UNICODE, Glyphs
from tui.plot.labels import labels

Run = tuple[str, str]
Row = list[Run]
_LEAST = 16
"""Cells below which no scale is drawn: the numbers alone say more."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Bar:
    """One value; `low` and `high` None where no interval is known. `text` is the value as it is written."""

    name: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    tone: str = ""

    @property
    def ends(self) -> tuple[float, float]:
        return self.value if self.low is None else self.low, self.value if self.high is None else self.high


@dataclass(frozen=True, slots=True)
class Ruler:
    """Cells 0 to `width` − 1 over [low, high]."""

    low: float
    high: float
    width: int

    def cell(self, value: float) -> int:
        return round((min(max(value, self.low), self.high) - self.low) / (self.high - self.low) * (self.width - 1))


def ruler(bars: Sequence[Bar], limit: float | None, width: int) -> Ruler:
    """A scale that holds every interval and the limit, with a little room at either end."""
    values = [end for bar in bars for end in bar.ends] + ([] if limit is None else [limit])
    low, high = min(values), max(values)
    room = (high - low or abs(high) or 1.0) * 0.05
    return Ruler(low - room, high + room, width)


def interval_rows(bars: Sequence[Bar], limit: float | None, width: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """A row a bar and one for the scale; without room for a scale the names and numbers alone."""
    bars = [bar for bar in bars if math.isfinite(bar.value)]
    if not bars:
        return []
    names, texts = max(len(bar.name) for bar in bars), max(len(bar.text) for bar in bars)
    heads: list[Row] = [[(f"{bar.name:<{names}}  ", "dim"), (f"{bar.text:>{texts}}", bar.tone)] for bar in bars]
    left = width - names - texts - 4
    if left < _LEAST:
        return heads
    scale = ruler(bars, limit, left)
    drawn = [[*head, ("  ", ""), *_drawn(bar, limit, scale, glyphs)] for head, bar in zip(heads, bars, strict=True)]
    return [*drawn, [(" " * (names + texts + 4), ""), *_axis(limit, scale, glyphs)]]


def _drawn(bar: Bar, limit: float | None, scale: Ruler, glyphs: Glyphs) -> Row:
    """Cell by cell, what lies on top last: the interval, the limit's line, the value."""
    cells: list[Run] = [(" ", "")] * scale.width
    if bar.low is not None and bar.high is not None:
        first, last = scale.cell(bar.low), scale.cell(bar.high)
        for place in range(first, last + 1):
            cells[place] = (glyphs.todo, bar.tone)
        cells[first], cells[last] = (glyphs.ends[0], bar.tone), (glyphs.ends[1], bar.tone)
    if limit is not None:
        cells[scale.cell(limit)] = (glyphs.mark, "warn")
    cells[scale.cell(bar.value)] = (glyphs.point, f"bold {bar.tone}".strip())
    return _merged(cells)


def _axis(limit: float | None, scale: Ruler, glyphs: Glyphs) -> Row:
    """Round numbers under their cells; the limit's own number, in its colour, before any of them."""
    taken: list[tuple[int, str, str]] = []
    if limit is not None:
        taken.append(_label(f"{glyphs.up} limit {limit:.3g}", "warn", scale.cell(limit), scale.width))
    values = _round_numbers(scale, max(scale.width // 12, 2))
    for value, text in zip(values, labels(values), strict=True):
        label = _label(text, "dim", scale.cell(value) - len(text) // 2, scale.width)
        if all(label[0] > end + 1 or label[0] + len(text) + 1 < start for start, end in _spans(taken)):
            taken.append(label)
    row: Row = []
    at = 0
    for start, text, tone in sorted(taken):
        row += [(" " * (start - at), ""), (text, tone)]
        at = start + len(text)
    return row


def _label(text: str, tone: str, start: int, width: int) -> tuple[int, str, str]:
    return max(0, min(start, width - len(text))), text[:width], tone


def _spans(taken: Sequence[tuple[int, str, str]]) -> list[tuple[int, int]]:
    return [(start, start + len(text)) for start, text, _ in taken]


def _round_numbers(scale: Ruler, count: int) -> list[float]:
    rough = (scale.high - scale.low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in _STEPS if size * power >= rough * (1 - 1e-9))
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _merged(cells: Sequence[Run]) -> Row:
    """Neighbours of one tone as one run."""
    row: Row = []
    for text, tone in cells:
        if row and row[-1][1] == tone:
            row[-1] = (row[-1][0] + text, tone)
        else:
            row.append((text, tone))
    return row
