"""A table whose last column wraps: findings with their evidence, changes with their reasons. No number is ever cut."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.message import Message

from tui.presenters.cell import Cell
from tui.presenters.iterations import Column, Grid
from tui.widgets.panel import Row, Words
from tui.widgets.scrolling import ScrollPanel
from tui.widgets.strips import Run

GAP = 2
LEAD = 2
"""Cells for the mark at the cursor's row."""
NARROWEST = 10
"""Cells that a flexible column keeps."""


class WrappingTable(ScrollPanel):
    """Where fewer than `least` cells are left for the last column, it goes under the row.

    With `cursor=True` up and down move between rows, and enter or a click posts `Opened`.
    """

    BINDINGS = [Binding("enter", "open", "open", show=False)]

    class Opened(Message):
        """Enter was pressed, or a click fell, on the row at `index`."""

        def __init__(self, table: WrappingTable, index: int) -> None:
            super().__init__()
            self.table, self.index = table, index

        @property
        def control(self) -> WrappingTable:
            return self.table

    def __init__(self, title: Words, *, empty: str, least: int, id: str, cursor: bool = False) -> None:  # noqa: A002
        super().__init__(title, id=id)
        self._cursor, self._at = cursor, 0
        self._starts: tuple[int, ...] = ()
        self._grid = Grid((), ())
        self._empty, self._least = empty, least
        self._notes: tuple[str, ...] = ()

    def show(self, grid: Grid, footnotes: Sequence[str] = ()) -> None:
        self._grid, self._notes = grid, tuple(footnotes)
        self._at = min(self._at, max(len(grid.rows) - 1, 0))
        self.stale(resized=True)

    def all_rows(self, width: int) -> Sequence[Row]:
        grid = self._grid
        rows: list[Row] = []
        lead = LEAD if self._cursor else 0
        width -= lead
        if not grid.rows:
            return [[(self._empty, "dim")]]
        widths = column_widths(grid, width)
        indent = sum(widths) + GAP * len(widths)
        beside = width - indent >= self._least
        titles = tuple(Cell(column.title, "dim") for column in grid.columns)
        rows.append([(" " * lead, ""), *self._head(titles, widths), (titles[-1].text if beside else "", "dim")])
        starts: list[int] = []
        for row in grid.rows:
            here = len(starts) == self._at
            starts.append(len(rows))
            entry = self._entry(row, widths, indent if beside else 2, width, beside)
            rows += [[*self._mark(here and not line), *each] for line, each in enumerate(entry)]
        self._starts = tuple(starts)
        for note in self._notes:
            rows += [[("  ", ""), *self.runs(line)] for line in self._wrap(Cell(note, "dim"), width - 2)]
        return rows

    def _mark(self, here: bool) -> Row:
        if not self._cursor:
            return []
        return [(f"{self.glyphs.here if here else ' '} ", "run" if self.has_focus else "faint")]

    def action_scroll_by(self, rows: int) -> None:
        """With a cursor: to another row, which is then in sight."""
        if not self._cursor or not self._grid.rows:
            super().action_scroll_by(rows)
            return
        self._at = min(max(self._at + (rows > 0) - (rows < 0) if abs(rows) == 1 else rows, 0), len(self._starts) - 1)
        first, height = self._starts[self._at], max(self.inner.height, 1)
        end = [*self._starts[1:], len(self.all_rows(self.inner.width))][self._at]
        shown = min(max(self.offset_rows, end - height), first if self._at else 0)
        self.offset_rows = max(shown, 0)
        self.stale()

    def action_open(self) -> None:
        if self._cursor and self._grid.rows:
            self.post_message(self.Opened(self, self._at))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or not self._cursor:
            return
        row = offset.y - 1 + self.offset_rows
        found = [index for index, start in enumerate(self._starts) if start <= row]
        if found:
            self._at = found[-1]
            self.action_open()

    def _entry(self, row: tuple[Cell, ...], widths: list[int], indent: int, width: int, beside: bool) -> list[Row]:
        """One row of cells, its last one wrapped beside or below."""
        head: Row = self._head(row, widths)
        tail = [self.runs(line) for line in self._wrap(row[-1], width - indent)]
        if not row[-1].text:
            return [head]
        first = [[*head, *tail[0]]] if beside else [head]
        return [*first, *([(" " * indent, ""), *line] for line in (tail[1:] if beside else tail))]

    def _head(self, row: tuple[Cell, ...], widths: list[int]) -> list[Run]:
        return [(self._cut(cell.text, w).ljust(w + GAP), cell.tone) for cell, w in zip(row, widths, strict=False)]

    def _cut(self, text: str, width: int) -> str:
        return text if len(text) <= width else text[: width - 1] + self.glyphs.ellipsis

    def _wrap(self, cell: Cell, width: int) -> list[Text]:
        return list(Text(cell.text, cell.tone).wrap(self.app.console, max(width, 8), overflow="fold"))


def column_widths(grid: Grid, width: int) -> list[int]:
    """Of all columns but the last one; where `width` is too little, flexible ones give way, the widest first."""
    columns = grid.columns[:-1]
    widths = [_width(column, [row[i] for row in grid.rows]) for i, column in enumerate(columns)]
    while (over := sum(widths) + GAP * (len(widths) - 1) - width) > 0:
        spare = {i: widths[i] - NARROWEST for i, column in enumerate(columns) if column.flexible}
        widest = max(spare, key=lambda i: spare[i], default=-1)
        if widest < 0 or spare[widest] <= 0:
            break
        widths[widest] -= min(over, spare[widest])
    return widths


def _width(column: Column, cells: Sequence[Cell]) -> int:
    return max(len(column.title), *(len(cell.text) for cell in cells))
