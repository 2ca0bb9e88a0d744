"""A table whose last column wraps: findings with their evidence, changes with their reasons. Nothing is cut."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from tui.presenters.cell import Cell
from tui.presenters.iterations import Column, Grid
from tui.widgets.panel import Row, Words
from tui.widgets.scrolling import ScrollPanel
from tui.widgets.strips import Run

GAP = 2


class WrappingTable(ScrollPanel):
    """Where fewer than `least` cells are left for the last column, it goes under the row."""

    def __init__(self, title: Words, *, empty: str, least: int, id: str) -> None:  # noqa: A002
        super().__init__(title, id=id)
        self._grid = Grid((), ())
        self._empty, self._least = empty, least
        self._notes: tuple[str, ...] = ()

    def show(self, grid: Grid, footnotes: Sequence[str] = ()) -> None:
        self._grid, self._notes = grid, tuple(footnotes)
        self.stale(resized=True)

    def all_rows(self, width: int) -> Sequence[Row]:
        grid = self._grid
        rows: list[Row] = []
        if not grid.rows:
            return [[(self._empty, "dim")]]
        widths = [_width(column, [row[i] for row in grid.rows]) for i, column in enumerate(grid.columns[:-1])]
        indent = sum(widths) + GAP * len(widths)
        beside = width - indent >= self._least
        titles = tuple(Cell(column.title, "dim") for column in grid.columns)
        rows.append([*_head(titles, widths), (titles[-1].text if beside else "", "dim")])
        for row in grid.rows:
            rows += self._entry(row, widths, indent if beside else 2, width, beside)
        for note in self._notes:
            rows += [[("  ", ""), *self.runs(line)] for line in self._wrap(Cell(note, "dim"), width - 2)]
        return rows

    def _entry(self, row: tuple[Cell, ...], widths: list[int], indent: int, width: int, beside: bool) -> list[Row]:
        """One row of cells, its last one wrapped beside or below."""
        head: Row = _head(row, widths)
        tail = [self.runs(line) for line in self._wrap(row[-1], width - indent)]
        if not row[-1].text:
            return [head]
        first = [[*head, *tail[0]]] if beside else [head]
        return [*first, *([(" " * indent, ""), *line] for line in (tail[1:] if beside else tail))]

    def _wrap(self, cell: Cell, width: int) -> list[Text]:
        return list(Text(cell.text, cell.tone).wrap(self.app.console, max(width, 8), overflow="fold"))


def _head(row: tuple[Cell, ...], widths: list[int]) -> list[Run]:
    return [(cell.text.ljust(width + GAP), cell.tone) for cell, width in zip(row, widths, strict=False)]


def _width(column: Column, cells: Sequence[Cell]) -> int:
    return max(len(column.title), *(len(cell.text) for cell in cells))
