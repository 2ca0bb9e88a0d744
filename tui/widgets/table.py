"""A calm table: numbers right-aligned, and where it is narrow whole columns leave, so that no number is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.reactive import reactive

from tui.widgets.panel import Panel, Row, Words
from tui.widgets.scrolling import beyond

GAP = 2
LEAST = 10
"""Cells that a flexible column keeps."""


@dataclass(frozen=True, slots=True)
class Column:
    """`priority` 0 stays for ever; the highest leaves first. A `flexible` column may be cut (text, never a number)."""

    title: str
    align: Literal["left", "right"] = "left"
    priority: int = 0
    flexible: bool = False


@dataclass(frozen=True, slots=True)
class TableRow:
    """`cells` in the order of the columns; `key` comes back in messages; `tone` styles the whole row."""

    cells: tuple[Words, ...]
    key: str = ""
    tone: str = ""


class Table(Panel):
    """Rows under a dim heading. With `cursor=True` it takes focus, up and down move, enter posts `Chosen`."""

    BINDINGS = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("home", "move(-1000000)", "first", show=False),
        Binding("end", "move(1000000)", "last", show=False),
        Binding("enter", "choose", "choose", show=False),
    ]

    rows: reactive[tuple[TableRow, ...]] = reactive[tuple[TableRow, ...]]((), repaint=False)
    cursor_row: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor is on the row with `key`."""

        def __init__(self, table: Table, key: str) -> None:
            super().__init__()
            self.table, self.key = table, key

        @property
        def control(self) -> Table:
            return self.table

    class Chosen(Moved):
        """Enter was pressed, or a click fell, on the row with `key`."""

    def __init__(
        self,
        columns: Sequence[Column],
        title: Words = "",
        *,
        cursor: bool = False,
        empty: str = "nothing yet",
        framed: bool = True,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(title, framed=framed, id=id, classes=classes)
        self.columns, self.empty, self.cursor = tuple(columns), empty, cursor
        self.can_focus = cursor
        self._first = 0

    def set_rows(self, rows: Sequence[TableRow], columns: Sequence[Column] | None = None) -> None:
        """New rows (and columns); the cursor stays on the row with the same key."""
        key = self.cursor_key
        if columns is not None:
            self.columns = tuple(columns)
        self.rows = tuple(rows)
        keys = [row.key for row in self.rows]
        self.cursor_row = keys.index(key) if key in keys else min(self.cursor_row, max(len(keys) - 1, 0))
        self.stale(resized=True)

    @property
    def cursor_key(self) -> str:
        return self.rows[self.cursor_row].key if self.cursor_row < len(self.rows) else ""

    @property
    def lead(self) -> int:
        """Cells to the left of the first column, for the mark at the cursor's row."""
        return 2 if self.cursor else 0

    def lines_wanted(self, width: int) -> int:  # noqa: ARG002
        return 1 + max(len(self.rows), 1)

    def widths(self, width: int) -> dict[int, int]:
        """Of the columns that stay at `width` cells, by index."""
        return fit(self.columns, self.rows, width)

    def paint(self, width: int, height: int) -> Sequence[Row]:
        if not self.rows:
            return [[(self.empty, "dim")]]
        widths = self.widths(width - self.lead)
        body = max(height - 1, 1)
        last = max(len(self.rows) - body, 0)
        self._first = min(max(self._first, self.cursor_row - body + 1 if self.cursor else 0), self.cursor_row, last)
        shown = self.rows[self._first : self._first + body]
        below = len(self.rows) - self._first - len(shown)
        self.set_reactive(Panel.note, beyond(self._first, below, self.glyphs.up, self.glyphs.down))
        return [self._heading(widths), *(self._line(row, widths, width) for row in shown)]

    def _heading(self, widths: dict[int, int]) -> Row:
        cells = [_fitted(self.columns[i].title, self.columns[i], w, "dim") for i, w in widths.items()]
        return [(" " * self.lead, ""), *self.runs(Text(" " * GAP).join(cells))]

    def _line(self, row: TableRow, widths: dict[int, int], width: int) -> Row:
        cells = [
            _fitted(row.cells[i] if i < len(row.cells) else "", self.columns[i], w, row.tone) for i, w in widths.items()
        ]
        line = Text(" " * GAP).join(cells)
        if not self.cursor:
            return self.runs(line)
        here = row is self.rows[self.cursor_row]
        line = Text.assemble((f"{self.glyphs.here if here else ' '} ", "run" if self.has_focus else "faint"), line)
        if here and self.has_focus:
            line.pad_right(max(width - line.cell_len, 0))
            line.stylize("here")
        return self.runs(line)

    def action_move(self, rows: int) -> None:
        self.cursor_row = min(max(self.cursor_row + rows, 0), max(len(self.rows) - 1, 0))

    def action_choose(self) -> None:
        if self.cursor and self.rows:
            self.post_message(self.Chosen(self, self.cursor_key))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or not self.cursor:
            return
        index = self._first + offset.y - 1 - self.framed
        if 0 <= index < len(self.rows):
            self.cursor_row = index
            self.action_choose()

    def watch_rows(self) -> None:
        self.stale(resized=True)

    def watch_cursor_row(self) -> None:
        self.stale()
        if self.cursor and self.is_mounted:
            self.post_message(self.Moved(self, self.cursor_key))


def fit(columns: Sequence[Column], rows: Sequence[TableRow], width: int) -> dict[int, int]:
    """Widths by column index of the columns that stay at `width` cells.

    Flexible columns give way first, down to `LEAST` cells; then columns leave by priority, the last of equals first,
    and where that is not enough all but the first, from the right.
    """
    cells = [[row.cells[i] for row in rows if i < len(row.cells)] for i in range(len(columns))]
    widths = {i: max([_width(column.title), *map(_width, cells[i])]) for i, column in enumerate(columns)}
    while (over := sum(widths.values()) + GAP * (len(widths) - 1) - width) > 0 and widths:
        spare = {i: widths[i] - LEAST for i in widths if columns[i].flexible and widths[i] > LEAST}
        if sum(spare.values()) >= over:
            widest = max(spare, key=lambda i: spare[i])
            widths[widest] -= min(over, spare[widest])
        elif len(widths) > 1:
            del widths[max(list(widths)[1:], key=lambda i: (columns[i].priority, i))]
        else:
            return dict.fromkeys(widths, max(width, 1))
    return widths


def _width(words: Words) -> int:
    return (words if isinstance(words, Text) else Text(words)).cell_len


def _fitted(words: Words, column: Column, width: int, tone: str) -> Text:
    text = words.copy() if isinstance(words, Text) else Text(words)
    text.style = f"{tone} {text.style}".strip() if isinstance(text.style, str) else text.style
    text.no_wrap = True
    text.end = ""
    text.truncate(width, overflow="ellipsis")
    text.align(column.align, width)
    return text
