"""The base of what we draw ourselves: a framed box that repaints only the cells that changed.

Textual repaints a whole widget when its border's text changes; over SSH a chart's new value would then cost the whole
chart, four times a second. So the frame, its title and its note are drawn here, and a repaint compares cells.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.glyphs import UNICODE, Glyphs
from tui.theme import Palette
from tui.widgets import strips
from tui.widgets.strips import Row as Row

Words = str | Text
"""What a caller may hand in as text: plain, or rich Text whose styles are tones of `tui.theme`; never markup."""


class Panel(Widget):
    """A frame with `title` at its top left and `note` at its bottom right, around what `paint` returns.

    Subclasses implement `paint(width, height)` and, for `height: auto`, `lines_wanted(width)`; they call `stale` when
    what they would paint has changed. Any number of calls between two frames costs one painting.
    """

    DEFAULT_CSS = "Panel { width: 1fr; height: 1fr; background: transparent; }"

    title: reactive[Words] = reactive[Words]("", repaint=False)
    note: reactive[Words] = reactive[Words]("", repaint=False)
    framed: reactive[bool] = reactive(True, repaint=False)

    def __init__(
        self,
        title: Words = "",
        *,
        framed: bool = True,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._painted_rows: list[Row] = []
        self._painted: list[Strip] = []
        self._styles: Palette | None = None
        self._waiting = False
        self.set_reactive(Panel.title, title)
        self.set_reactive(Panel.framed, framed)

    def paint(self, width: int, height: int) -> Sequence[Row]:
        """At most `height` rows of runs; each is cut or padded to `width` cells."""
        raise NotImplementedError

    def lines_wanted(self, width: int) -> int:
        """Rows that the content would like at `width` cells."""
        return len(self.paint(width, 1000))

    @property
    def glyphs(self) -> Glyphs:
        """The app's `glyphs`, or Unicode where it has none."""
        return getattr(self.app, "glyphs", UNICODE)

    @property
    def palette(self) -> Palette:
        if self._styles is None:
            ground = self.visual_style.rich_style.bgcolor
            self._styles = Palette(self.app.theme_variables, ground, colour=not self.app.no_color)
        return self._styles

    @property
    def inner(self) -> Size:
        """Cells inside the frame and its padding."""
        width, height = self.size
        return Size(max(width - 4, 0), max(height - 2, 0)) if self.framed else Size(width, height)

    def stale(self, *, resized: bool = False) -> None:
        """Paint again before the next frame; `resized` when the wanted height may have changed."""
        if not self.is_mounted:
            return
        if resized and self._height_changes():
            self.refresh(layout=True)
        if not self._waiting:
            self._waiting = True
            self.call_next(self._repaint)

    def _height_changes(self) -> bool:
        """Whether an automatic height would differ now; asked first, for a layout repaints the whole widget."""
        automatic = self.styles.height is not None and self.styles.height.is_auto
        return automatic and self.get_content_height(self.size, self.size, self.size.width) != self.size.height

    def _repaint(self) -> None:
        self._waiting = False
        if not self.size:
            return
        before = self._painted
        self._paint_all()
        if len(before) != len(self._painted):
            self.refresh()
            return
        changed = map(strips.changed, before, self._painted)
        dirty = [Region(span[0], y, span[1] - span[0], 1) for y, span in enumerate(changed) if span]
        if dirty:
            self.refresh(*dirty)

    def _paint_all(self) -> None:
        """New strips; those of rows that are as they were stay."""
        inner = self.inner
        rows = list(self.paint(inner.width, inner.height))[: inner.height] if inner else []
        rows += [()] * (inner.height - len(rows))
        rows = self._frame(rows, inner.width) if self.framed else rows
        known = dict(enumerate(zip(self._painted_rows, self._painted, strict=True)))
        made = [known[y][1] if y in known and known[y][0] == row else self._strip(row) for y, row in enumerate(rows)]
        self._painted_rows, self._painted = rows, made

    def _strip(self, row: Row) -> Strip:
        style, width = self.palette.style, self.size.width
        line = Strip(Segment(text, style(tone)) for text, tone in row if text)
        return line.adjust_cell_length(width, style(""))

    def _frame(self, rows: list[Row], width: int) -> list[Row]:
        top_left, top_right, bottom_left, bottom_right, across, down = self.glyphs.frame
        edge = "run" if self.has_focus else "frame"
        title = self._label(self.title, "text" if self.has_focus else "dim")
        note = self._label(self.note, "text")
        rule = [across * max(width - sum(cell_len(text) for text, _ in label), 0) for label in (title, note)]
        top = [(top_left + across, edge), *title, (rule[0] + across + top_right, edge)]
        bottom = [(bottom_left + across + rule[1], edge), *note, (across + bottom_right, edge)]
        middle = [[(f"{down} ", edge), *strips.fitted(row, width), (f" {down}", edge)] for row in rows]
        return [top, *middle, bottom]

    def _label(self, words: Words, tone: str) -> Row:
        """A title or note with a blank on either side, cut to what the frame has room for."""
        text = words.copy() if isinstance(words, Text) else Text(words, tone)
        if not text.plain or self.inner.width < 3:
            return []
        text.truncate(self.inner.width - 2, overflow="ellipsis")
        return self.runs(Text.assemble(" ", text, " "))

    def runs(self, text: Text) -> Row:
        """A line of rich Text as runs."""
        segments = self.palette.resolve(text).render(self.app.console)
        return [(segment.text, segment.style or "") for segment in segments if segment.text and not segment.control]

    def render_line(self, y: int) -> Strip:
        if len(self._painted) != self.size.height or self._painted[0].cell_length != self.size.width:
            self._unpaint()
            self._paint_all()
        return self._painted[y] if y < len(self._painted) else Strip.blank(self.size.width, self.palette.style(""))

    def _unpaint(self) -> None:
        self._painted_rows, self._painted = [], []

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return self.lines_wanted(width - 4) + 2 if self.framed else self.lines_wanted(width)

    def notify_style_update(self) -> None:
        self._styles = None
        super().notify_style_update()
        self._unpaint()
        self.stale()

    def on_mount(self) -> None:
        self.stale()

    def on_resize(self, _: events.Resize) -> None:
        self._unpaint()
        self.stale()

    def on_focus(self, _: events.Focus) -> None:
        self.stale()

    def on_blur(self, _: events.Blur) -> None:
        self.stale()

    def watch_title(self) -> None:
        self.stale()

    def watch_note(self) -> None:
        self.stale()

    def watch_framed(self) -> None:
        self.stale(resized=True)
