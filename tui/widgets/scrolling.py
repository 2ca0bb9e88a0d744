"""Scrolling for panels that paint more lines than they have rows: no bar, only a note of what lies beyond."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.reactive import reactive

from tui.widgets.panel import Panel, Row


class ScrollPanel(Panel, can_focus=True):
    """Subclasses give `all_rows(width)`; `offset_rows` is the first one shown. Arrows, pages, home, end, wheel."""

    BINDINGS = [
        Binding("up,k", "scroll_by(-1)", "up", show=False),
        Binding("down,j", "scroll_by(1)", "down", show=False),
        Binding("pageup", "scroll_page(-1)", "page up", show=False),
        Binding("pagedown", "scroll_page(1)", "page down", show=False),
        Binding("home", "scroll_by(-1000000)", "first", show=False),
        Binding("end", "scroll_by(1000000)", "last", show=False),
    ]

    offset_rows: reactive[int] = reactive(0, repaint=False)

    def all_rows(self, width: int) -> Sequence[Row]:
        raise NotImplementedError

    def lines_wanted(self, width: int) -> int:
        return len(self.all_rows(width))

    @property
    def furthest(self) -> int:
        return max(len(self.all_rows(self.inner.width)) - self.inner.height, 0)

    def paint(self, width: int, height: int) -> Sequence[Row]:
        rows = self.all_rows(width)
        first = min(max(self.offset_rows, 0), max(len(rows) - height, 0))
        self.set_reactive(Panel.note, beyond(first, len(rows) - first - height, self.glyphs.up, self.glyphs.down))
        return rows[first : first + height]

    def action_scroll_by(self, rows: int) -> None:
        self.offset_rows = min(max(self.offset_rows + rows, 0), self.furthest)

    def action_scroll_page(self, pages: int) -> None:
        self.action_scroll_by(pages * max(self.inner.height - 1, 1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_scroll_by(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_scroll_by(-3)

    def watch_offset_rows(self) -> None:
        self.stale()


def beyond(above: int, below: int, up: str, down: str) -> Text:
    """`▲ 3  ▼ 12`: how many lines lie out of sight on either side."""
    parts = [f"{sign} {count}" for sign, count in ((up, above), (down, below)) if count > 0]
    return Text("  ".join(parts), "dim")
