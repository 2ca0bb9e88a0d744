"""A whole chart as rows of (text, tone) runs: dots, axes with their labels, limit, iteration marks and cursor.

1.2 ┤⣿⡄          the left margin holds the labels of the y axis, right-aligned; the last row those of the x axis
0.8 ┤ ⠙⢦⡀        a dim line is the raw data, minimum to maximum of each pixel column; the bright one is smoothed
0.4 ┤   ⠈⠓⠒⠒     labels and dots are separate runs: an SVG export drifts where they share one
    0    100
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from tui.glyphs import UNICODE, Glyphs
from tui.plot import raster, scale
from tui.plot.smooth import ema

Run = tuple[str, str]
Row = list[Run]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """Points in rising x: each stands for the raw values between `low` and `high`, with their `mean`.

    `smooth` is the mean smoothed with time constant `tau` (units of x). All are plain lists of equal length.
    """

    x: Sequence[float] = ()
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    mean: Sequence[float] = ()
    smooth: Sequence[float] = ()
    tau: float = 0.0

    @classmethod
    def of(
        cls, x: Sequence[float], low: Sequence[float], high: Sequence[float], mean: Sequence[float], tau: float
    ) -> Series:
        return cls(x, low, high, mean, ema(x, mean, tau), tau)

    def smoothed(self, tau: float) -> Series:
        return self if tau == self.tau else replace(self, smooth=ema(self.x, self.mean, tau), tau=tau)

    @property
    def extent(self) -> Range | None:
        return (self.x[0], self.x[-1]) if len(self.x) else None

    def last(self) -> int | None:
        """The newest point that is a number."""
        return next((i for i in range(len(self.x) - 1, -1, -1) if math.isfinite(self.mean[i])), None)

    def nearest(self, at: float) -> int | None:
        """The point nearest to x = `at`, numbers or not."""
        right = bisect_left(self.x, at)
        near = [i for i in (right - 1, right) if 0 <= i < len(self.x)]
        return min(near, key=lambda i: abs(self.x[i] - at), default=None)

    def within(self, view: Range) -> Series:
        """The points in `view` and one more on either side, for the line to run to the edge."""
        first = max(bisect_left(self.x, view[0]) - 1, 0)
        last = bisect_right(self.x, view[1]) + 1
        cut = slice(first, last)
        return Series(self.x[cut], self.low[cut], self.high[cut], self.mean[cut], self.smooth[cut], self.tau)


@dataclass(frozen=True, slots=True)
class Figure:
    """What to draw. `bounds` are ends that the y axis at least reaches; `marks` are (x, label) of iteration starts."""

    series: Series = Series()
    view: Range = (0.0, 1.0)
    limit: float | None = None
    limit_label: str = ""
    bounds: tuple[float | None, float | None] = (None, None)
    log: bool = False
    cursor: float | None = None
    marks: Sequence[tuple[float, str]] = ()
    margin: int = 6
    x_labels: bool = True
    tone: str = "run"
    glyphs: Glyphs = field(default=UNICODE)

    def axis(self) -> scale.Axis | None:
        """The y axis for what is in view; None when no value in view has a place on it."""
        part = self.series.within(self.view)
        values = [
            value
            for x, low, high in zip(part.x, part.low, part.high, strict=True)
            if self.view[0] <= x <= self.view[1]
            for value in (low, high)
            if math.isfinite(value) and (value > 0 or not self.log)
        ]
        if not values:
            return None
        ends = [end for end in (*self.bounds, self.limit) if end is not None and (end > 0 or not self.log)]
        return scale.Axis.fit(min(values + ends), max(values + ends), log=self.log)

    def draw(self, width: int, height: int) -> list[Row]:
        """`height` rows of exactly `width` cells; a sentence in the middle where there is nothing to draw."""
        axis = self.axis()
        if axis is None or width < self.margin + 4 or height < 1:
            return self._blank(width, height)
        return _Drawing(self, axis, width, height).rows()

    def _blank(self, width: int, height: int) -> list[Row]:
        some = any(math.isfinite(value) for value in self.series.mean)
        said = "no data yet" if not some else "nothing above 0 for a log axis" if self.log else "no data in view"
        rows: list[Row] = [[(" " * width, "")] for _ in range(height)]
        if height:
            rows[height // 2] = [(said[:width].center(width), "dim")]
        return rows

    def plot_width(self, width: int) -> int:
        """Cells of `width` that hold dots."""
        return max(width - self.margin - 1, 1)

    def x_at(self, cell: int, width: int) -> float:
        """The x in the middle of column `cell` of a chart `width` cells wide."""
        share = (cell - self.margin - 0.5) / self.plot_width(width)
        return self.view[0] + (self.view[1] - self.view[0]) * min(max(share, 0.0), 1.0)


class _Drawing:
    """One `draw`: the sizes that its parts share."""

    def __init__(self, figure: Figure, axis: scale.Axis, width: int, height: int) -> None:
        self.figure, self.axis = figure, axis
        self.x_row = figure.x_labels and height >= 5
        self.height = height - self.x_row
        self.plot = figure.plot_width(width)
        self.margin = width - self.plot - 1
        self.dots = figure.glyphs.dots
        self.grid: list[list[Run]] = [[(" ", "")] * self.plot for _ in range(self.height)]

    def rows(self) -> list[Row]:
        self._rules()
        self._data()
        self._cursor()
        self._limit_label()
        rows = [[*margin, *_runs(cells)] for margin, cells in zip(self._margins(), self.grid, strict=True)]
        return [*rows, self._x_labels()] if self.x_row else rows

    def _line(self, value: float) -> float:
        """Row of dots, from the top, of a value."""
        return (1.0 - self.axis.place(value)) * (self.height * self.dots[1] - 1)

    def _cell_row(self, value: float) -> int:
        place = self._line(value)
        return -1 if math.isnan(place) else math.floor(place + 0.5) // self.dots[1]

    def _cell_column(self, x: float) -> int | None:
        low, high = self.figure.view
        if not low <= x <= high:
            return None
        return min(int((x - low) / (high - low) * self.plot), self.plot - 1)

    def _rules(self) -> None:
        glyphs = self.figure.glyphs
        for x, _ in self.figure.marks:
            column = self._cell_column(x)
            for row in self.grid if column else ():
                row[column or 0] = (glyphs.mark, "frame")
        if self.figure.limit is not None and 0 <= (row_index := self._cell_row(self.figure.limit)) < self.height:
            self.grid[row_index] = [(glyphs.limit, "bad")] * self.plot

    def _data(self) -> None:
        part = self.figure.series.within(self.figure.view)
        low, high = self.figure.view
        columns = [(x - low) / (high - low) * self.plot * self.dots[0] for x in part.x]
        columns = [column - 1e-6 if x == high else column for x, column in zip(part.x, columns, strict=True)]
        self._paint(columns, part.high, part.low, self.figure.glyphs.raw, "faint")
        self._paint(columns, part.smooth, part.smooth, self.figure.glyphs.line, self.figure.tone)

    def _paint(
        self, columns: list[float], high: Sequence[float], low: Sequence[float], glyphs: tuple[str, ...], tone: str
    ) -> None:
        tops, bottoms = [self._line(value) for value in high], [self._line(value) for value in low]
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
        row = self._cell_row(self.figure.limit)
        start = self.plot - len(label) - 1
        if 0 <= row < self.height and all(tone == "bad" for _, tone in self.grid[row][start : start + len(label)]):
            self.grid[row][start : start + len(label)] = [(character, "bad") for character in label]

    def _margins(self) -> list[Row]:
        glyphs = self.figure.glyphs
        values = self.axis.ticks(max(self.height // 2, 1))
        named = {self._cell_row(value): label for value, label in zip(values, scale.labels(values), strict=True)}
        rows: list[Row] = []
        for row in range(self.height):
            label = named.get(row, "")
            rows.append(
                [(label[: self.margin].rjust(self.margin), "dim"), (glyphs.tick if label else glyphs.axis, "frame")]
            )
        return rows

    def _x_labels(self) -> Row:
        low, high = self.figure.view
        values = [value for value in scale.ticks(low, high, max(self.plot // 12, 1)) if value == int(value)]
        line = [" "] * self.plot
        free = 0
        for value, label in zip(values, scale.labels(values), strict=True):
            column = self._cell_column(value) or 0
            start = min(max(column - len(label) // 2, 0), self.plot - len(label))
            if start >= free:
                line[start : start + len(label)] = label
                free = start + len(label) + 2
        return [(" " * (self.margin + 1), ""), ("".join(line), "dim")]


def _runs(cells: Sequence[Run]) -> Row:
    """Neighbouring cells of one tone as one run."""
    return [("".join(text for text, _ in group), tone) for tone, group in groupby(cells, key=lambda cell: cell[1])]
