"""Points on two axes, each with its name, and the path that joins some of them.

    harmless ▲
0.7 ┤          ┊        ⣀⠤● 2      a path may turn back, so it is drawn a leg at a time
0.6 ┤          ┊   ● 1⠒⠉           faint lines cross in the first point: what all others are held against
0.5 ┤╌╌╌╌╌╌╌╌╌╌● baseline╌╌╌       what lies on top comes last: guides, path, points, names
      0.4     0.5    helpful ▸
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tui.glyphs import UNICODE, Glyphs
from tui.plot import raster, scale
from tui.plot.figure import Row, Run, runs_of
from tui.plot.labels import labels

Cell = tuple[int, int]
"""(row, column), from the top left."""

_LEAST = (20, 6)
"""Cells across and down below which nothing can be told apart."""
_ROOM = 0.06
"""Of the x axis, left free on either side of the points."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A point; the path goes through those that are `joined`, in the order in which they are given."""

    x: float
    y: float
    name: str
    tone: str = ""
    joined: bool = True


@dataclass(frozen=True, slots=True)
class Plane:
    """What to draw. `names` are those of the x and the y axis."""

    spots: Sequence[Spot]
    names: tuple[str, str] = ("", "")
    tone: str = "run"
    glyphs: Glyphs = field(default=UNICODE)

    def draw(self, width: int, height: int) -> list[Row]:
        """`height` rows of at most `width` cells; a sentence in the middle where there is nothing to draw, or no room.

        Points that fall into one cell share it, and their names stand side by side.
        """
        small = width < _LEAST[0] or height < _LEAST[1]
        if small or not self.spots:
            said = "no room to draw" if small else "no data yet"
            return [[(said[:width].center(width), "dim")] if row == height // 2 else [] for row in range(height)]
        return _Drawing(self, width, height - 2).rows()


class _Drawing:
    """One `draw`: the sizes that its parts share. `height` counts the rows between the axes' names."""

    def __init__(self, plane: Plane, width: int, height: int) -> None:
        self.plane, self.glyphs, self.height = plane, plane.glyphs, height
        ys = [spot.y for spot in plane.spots]
        self.axis = scale.fit(min(ys), max(ys), height, self.glyphs.dots[1])
        self.margin = max(len(label) for _, label in self.axis.named) if self.axis.named else 0
        self.plot = width - self.margin - 1
        self.low, self.high = _roomy([spot.x for spot in plane.spots])
        self.grid: list[list[Run]] = [[(" ", "")] * self.plot for _ in range(height)]
        self.named = self._by_cell()

    def rows(self) -> list[Row]:
        self._guides()
        self._path()
        self._points()
        self._names()
        signs = [[*margin, *runs_of(cells)] for margin, cells in zip(self._margins(), self.grid, strict=True)]
        return [self._y_name(), *signs, self._x_labels()]

    def _dot(self, spot: Spot) -> tuple[float, float]:
        """(column, row) of dots, as fractions."""
        across = (spot.x - self.low) / (self.high - self.low) * (self.plot * self.glyphs.dots[0] - 1)
        return across, self.axis.place(spot.y)

    def _cell(self, spot: Spot) -> Cell:
        column, row = self._dot(spot)
        below = min(math.floor(row + 0.5) // self.glyphs.dots[1], self.height - 1)
        return below, int(column) // self.glyphs.dots[0]

    def _by_cell(self) -> dict[Cell, list[Spot]]:
        found: dict[Cell, list[Spot]] = {}
        for spot in self.plane.spots:
            found.setdefault(self._cell(spot), []).append(spot)
        return found

    def _guides(self) -> None:
        row, column = self._cell(self.plane.spots[0])
        self.grid[row] = [(self.glyphs.limit, "frame")] * self.plot
        for cells in self.grid:
            cells[column] = (self.glyphs.mark, "frame")

    def _path(self) -> None:
        """Leg by leg; where two share a cell, the cell has the dots of both."""
        dots, codes = self.glyphs.dots, np.zeros((self.height, self.plot), np.int64)
        joined = [self._dot(spot) for spot in self.plane.spots if spot.joined]
        for leg in pairwise(joined):
            columns, rows = np.array(sorted(leg), np.float64).T
            spans = raster.spans(columns, rows, rows, self.plot * dots[0], self.height * dots[1])
            codes |= np.array(raster.cells(spans, dots, self.height))
        for row, column in np.argwhere(codes):
            self.grid[row][column] = (self.glyphs.line[codes[row, column]], self.plane.tone)

    def _points(self) -> None:
        for (row, column), spots in self.named.items():
            self.grid[row][column] = (self.glyphs.point, spots[-1].tone)

    def _names(self) -> None:
        """The newest first, so that it has the best place: where it covers nothing, or else no point and no name."""
        taken, lit = set(self.named), self._lit()
        for cell, spots in reversed(self.named.items()):
            name = f" {', '.join(spot.name for spot in spots)} "
            free = [place for place in self._places(cell, len(name)) if not _cells(place, name) & taken]
            place = next((place for place in free if not _cells(place, name) & lit), free[0] if free else None)
            if place is not None:
                row, start = place
                self.grid[row][start : start + len(name)] = [(letter, spots[-1].tone) for letter in name]
                taken |= _cells(place, name)

    def _lit(self) -> set[Cell]:
        """Cells of the path."""
        return {
            (row, column)
            for row, cells in enumerate(self.grid)
            for column, (_, tone) in enumerate(cells)
            if tone == self.plane.tone
        }

    def _places(self, cell: Cell, wide: int) -> Iterator[Cell]:
        """Where a name of `wide` cells may begin: right of its point, left of it, and then in the rows around."""
        row, column = cell
        for down in (0, 1, -1, 2, -2, 3, -3):
            for start in (column + 1, column - wide, *((column - wide // 2,) if down else ())):
                if 0 <= row + down < self.height and 0 <= start <= self.plot - wide:
                    yield row + down, start

    # ── axes ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _margins(self) -> list[Row]:
        down = self.glyphs.dots[1]
        named = {math.floor(self.axis.place(value) + 0.5) // down: label for value, label in self.axis.named}
        signs = [self.glyphs.tick if row in named else self.glyphs.axis for row in range(self.height)]
        return [[(named.get(row, "").rjust(self.margin), "dim"), (sign, "frame")] for row, sign in enumerate(signs)]

    def _y_name(self) -> Row:
        return [(" " * self.margin, ""), (f"{self.glyphs.up} {self.plane.names[1]}"[: self.plot], "dim")]

    def _x_labels(self) -> Row:
        """The axis' name at its end, and as many round numbers as there is room for before it."""
        name = f" {self.plane.names[0]} {self.glyphs.arrow}"
        line, free, end = [" "] * self.plot, 0, self.plot - len(name)
        values = scale.ticks(self.low, self.high, max(self.plot // 12, 1))
        for value, label in zip(values, labels(values), strict=True):
            column = round((value - self.low) / (self.high - self.low) * (self.plot - 1))
            start = max(column - len(label) // 2, 0)
            if free <= start and start + len(label) <= end:
                line[start : start + len(label)] = label
                free = start + len(label) + 2
        return [(" " * (self.margin + 1), ""), ("".join(line[: max(end, 0)]), "dim"), (name[-self.plot :], "dim")]


def _cells(place: Cell, name: str) -> set[Cell]:
    row, start = place
    return {(row, column) for column in range(start, start + len(name))}


def _roomy(values: Sequence[float]) -> tuple[float, float]:
    """The range of the values, with room at either end."""
    low, high = min(values), max(values)
    room = (high - low) * _ROOM if high - low > 1e-9 * max(abs(low), abs(high)) else abs(high) * 0.1 or 1.0
    return low - room, high + room
