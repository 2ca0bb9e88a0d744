"""A whole chart as rows of (text, tone) runs: dots, axes with their labels, limit, iteration marks and cursor.

1.2 ┤⣿⡄          the left margin holds the labels of the y axis, right-aligned; the last row those of the x axis
0.8 ┤ ⠙⢦⡀        a dim line is the raw data, minimum to maximum of each pixel column; the bright one is smoothed
0.4 ┤   ⠈⠓⠒⠒     labels and dots are separate runs: an SVG export drifts where they share one
    0    100
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from tui.glyphs import UNICODE, Glyphs
from tui.plot import raster, scale
from tui.plot.labels import labels
from tui.plot.series import Array, Range, Series

Run = tuple[str, str]
Row = list[Run]


@dataclass(frozen=True, slots=True)
class Figure:
    """What to draw. `bounds` are ends that the y axis at least reaches; `marks` are (x, label) of iteration starts."""

    series: Series
    view: Range
    limit: float | None = None
    limit_label: str = ""
    limit_tone: str = "bad"
    bounds: tuple[float | None, float | None] = (None, None)
    log: bool = False
    cursor: float | None = None
    marks: Sequence[tuple[float, str]] = ()
    margin: int = 6
    x_labels: bool = True
    tone: str = "run"
    glyphs: Glyphs = field(default=UNICODE)

    def axis(self, rows: int) -> scale.Axis | None:
        """The y axis over `rows` rows for what is in view; None when no value in view has a place on it."""
        inside = (self.series.x >= self.view[0]) & (self.series.x <= self.view[1])
        values = np.concatenate([self.series.low[inside], self.series.high[inside]])
        values = values[np.isfinite(values) & ((values > 0) | (not self.log))]
        if not len(values):
            return None
        ends = [end for end in (*self.bounds, self.limit) if end is not None and (end > 0 or not self.log)]
        low, high = min([float(values.min()), *ends]), max([float(values.max()), *ends])
        return scale.fit(low, high, rows, self.glyphs.dots[1], log=self.log, widest=self.margin)

    def draw(self, width: int, height: int) -> list[Row]:
        """`height` rows of exactly `width` cells; a sentence in the middle where there is nothing to draw."""
        x_row = self.x_labels and height >= 5
        axis = self.axis(height - x_row) if width >= 2 * self.margin and height > 0 else None
        if axis is None:
            return self._blank(width, height)
        rows = _Drawing(self, axis, width, height - x_row)
        return [*rows.rows(), rows.x_labels()] if x_row else rows.rows()

    def _blank(self, width: int, height: int) -> list[Row]:
        some = bool(np.isfinite(self.series.mean).any())
        said = "no data yet" if not some else "nothing above 0 for a log axis" if self.log else "no data in view"
        rows: list[Row] = [[(" " * width, "")] for _ in range(height)]
        if height:
            rows[height // 2] = [(said[:width].center(width), "dim")]
        return rows


class _Drawing:
    """One `draw`: the sizes that its parts share."""

    def __init__(self, figure: Figure, axis: scale.Axis, width: int, height: int) -> None:
        self.figure, self.axis = figure, axis
        self.height = height
        self.margin = max([figure.margin, *(len(label) for _, label in axis.named)])
        self.plot = max(width - self.margin - 1, 1)
        self.dots = figure.glyphs.dots
        self.grid: list[list[Run]] = [[(" ", "")] * self.plot for _ in range(self.height)]

    def rows(self) -> list[Row]:
        self._marks()
        self._limit()
        self._data()
        self._cursor()
        self._limit_label()
        return [[*margin, *runs_of(cells)] for margin, cells in zip(self._margins(), self.grid, strict=True)]

    def _cell_row(self, value: float) -> int:
        place = self.axis.place(value)
        return -1 if math.isnan(place) else math.floor(place + 0.5) // self.dots[1]

    def _cell_column(self, x: float) -> int | None:
        low, high = self.figure.view
        if not low <= x <= high:
            return None
        return min(int((x - low) / (high - low) * self.plot), self.plot - 1)

    def _marks(self) -> None:
        """A faint line at each iteration's start but one at the left edge, with the iteration's name at its top."""
        for x, label in self.figure.marks:
            column = self._cell_column(x)
            if not column:
                continue
            for row in self.grid:
                row[column] = (self.figure.glyphs.mark, "frame")
            named = [(character, "dim") for character in label[: self.plot - column - 1]]
            self.grid[0][column + 1 : column + 1 + len(named)] = named

    def _limit(self) -> None:
        row = -1 if self.figure.limit is None else self._cell_row(self.figure.limit)
        if 0 <= row < self.height:
            self.grid[row] = [(self.figure.glyphs.limit, self.figure.limit_tone)] * self.plot

    def _data(self) -> None:
        part = self.figure.series.within(self.figure.view)
        low, high = self.figure.view
        columns = (part.x - low) / (high - low) * self.plot * self.dots[0]
        columns[part.x == high] -= 0.5
        self._paint(columns, part.high, part.low, self.figure.glyphs.raw, "faint")
        self._paint(columns, part.smooth, part.smooth, self.figure.glyphs.line, self.figure.tone)

    def _paint(self, columns: Array, high: Array, low: Array, glyphs: tuple[str, ...], tone: str) -> None:
        tops = self.axis.places(high)
        bottoms = tops if low is high else self.axis.places(low)
        spans = raster.spans(columns, tops, bottoms, self.plot * self.dots[0], self.height * self.dots[1])
        for row, codes in zip(self.grid, raster.cells(spans, self.dots, self.height), strict=True):
            for column, code in enumerate(codes):
                if code:
                    row[column] = (glyphs[code], tone)

    def _cursor(self) -> None:
        column = None if self.figure.cursor is None else self._cell_column(self.figure.cursor)
        if column is None:
            return
        for row in self.grid:
            text, tone = row[column]
            row[column] = (text, "bold") if tone == self.figure.tone else (self.figure.glyphs.cursor, "warn")

    def _limit_label(self) -> None:
        """The limit's name at the right end of its line, where no data is in the way."""
        label = f" {self.figure.limit_label} "
        if self.figure.limit is None or not self.figure.limit_label or len(label) > self.plot // 2:
            return
        row, tone = self._cell_row(self.figure.limit), self.figure.limit_tone
        start = self.plot - len(label) - 1
        place = slice(start, start + len(label))
        if 0 <= row < self.height and all(each == tone for _, each in self.grid[row][place]):
            self.grid[row][place] = [(character, tone) for character in label]

    def _margins(self) -> list[Row]:
        glyphs = self.figure.glyphs
        named = {self._cell_row(value): label for value, label in self.axis.named}
        signs = [glyphs.tick if row in named else glyphs.axis for row in range(self.height)]
        return [[(named.get(y, "").rjust(self.margin), "dim"), (sign, "frame")] for y, sign in enumerate(signs)]

    def x_labels(self) -> Row:
        low, high = self.figure.view
        values = [value for value in scale.ticks(low, high, max(self.plot // 9, 1)) if value == int(value)]
        line = [" "] * self.plot
        free = 0
        for value, label in zip(values, labels(values), strict=True):
            column = self._cell_column(value) or 0
            start = min(max(column - len(label) // 2, 0), self.plot - len(label))
            if start >= free:
                line[start : start + len(label)] = label
                free = start + len(label) + 2
        return [(" " * (self.margin + 1), ""), ("".join(line), "dim")]


def runs_of(cells: Sequence[Run]) -> Row:
    """Neighbouring cells of one tone as one run."""
    return [("".join(text for text, _ in group), tone) for tone, group in groupby(cells, key=lambda cell: cell[1])]
