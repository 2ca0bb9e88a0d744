"""The base of what we draw ourselves: a framed box that repaints only the cells that changed.

Textual repaints a whole widget when its border's text changes; over SSH a chart's new value would then cost the whole
chart, four times a second. So the frame, its title and its note are drawn here, and a repaint compares cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.glyphs import UNICODE, Glyphs
from tui.theme import Palette

Run = tuple[str, str | Style]
Row = Sequence[Run]
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
        self._strips: list[Strip] = []
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
            self._styles = Palette(self.app.theme_variables, self.visual_style.rich_style.bgcolor)
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
        if resized and self.styles.height is not None and self.styles.height.is_auto:
            self.refresh(layout=True)
        if not self._waiting:
            self._waiting = True
            self.call_next(self._repaint)

    def _repaint(self) -> None:
        self._waiting = False
        if not self.size:
            return
        before, self._strips = self._strips, self._paint_all()
        if len(before) != len(self._strips):
            self.refresh()
            return
        changed = map(_changed, before, self._strips)
        dirty = [Region(span[0], y, span[1] - span[0], 1) for y, span in enumerate(changed) if span]
        if dirty:
            self.refresh(*dirty)

    def _paint_all(self) -> list[Strip]:
        inner, style = self.inner, self.palette.style
        rows = list(self.paint(inner.width, inner.height))[: inner.height] if inner else []
        content = [self.strip(row, inner.width) for row in rows]
        content += [Strip.blank(inner.width, style(""))] * (inner.height - len(content))
        if not self.framed:
            return content
        return self._frame(content, self.size.width)

    def _frame(self, content: list[Strip], width: int) -> list[Strip]:
        top_left, top_right, bottom_left, bottom_right, across, down = self.glyphs.frame
        edge = self.palette.style("run" if self.has_focus else "frame")
        side = Segment(f"{down} ", edge), Segment(f" {down}", edge)
        middle = [Strip([side[0], *line, side[1]]) for line in content]
        title = self._label(self.title, "text" if self.has_focus else "dim", width - 6)
        note = self._label(self.note, "text", width - 6)
        rule = across * max(width - 4 - title.cell_length, 0), across * max(width - 4 - note.cell_length, 0)
        top = [Segment(top_left + across, edge), *title, Segment(rule[0] + across + top_right, edge)]
        bottom = [Segment(bottom_left + across + rule[1], edge), *note, Segment(across + bottom_right, edge)]
        return [Strip(top).crop(0, width), *middle, Strip(bottom).crop(0, width)][: max(self.size.height, 0)]

    def _label(self, words: Words, tone: str, width: int) -> Strip:
        text = words.copy() if isinstance(words, Text) else Text(words, tone)
        if not text.plain:
            return Strip([])
        text.truncate(max(width, 0), overflow="ellipsis")
        return Strip(self._segments(Text.assemble((" ", ""), text, (" ", ""))))

    def strip(self, row: Row, width: int) -> Strip:
        """A row of runs as `width` cells over the widget's background."""
        style = self.palette.style
        line = Strip(Segment(text, style(tone)) for text, tone in row if text)
        return line.adjust_cell_length(width, style("")).simplify()

    def runs(self, text: Text) -> Row:
        """A line of rich Text as runs."""
        return [(segment.text, segment.style or "") for segment in self._segments(text)]

    def _segments(self, text: Text) -> list[Segment]:
        return [s for s in self.palette.resolve(text).render(self.app.console) if not s.control and s.text]

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips) and self._strips[y].cell_length == self.size.width:
            return self._strips[y]
        if not self._waiting and self.size:
            self._strips = self._paint_all()
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.palette.style(""))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return self.lines_wanted(width - 4) + 2 if self.framed else self.lines_wanted(width)

    def notify_style_update(self) -> None:
        self._styles = None
        super().notify_style_update()
        self._strips = []
        self.stale()

    def on_mount(self) -> None:
        self.stale()

    def on_resize(self, _: events.Resize) -> None:
        self._strips = []
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


def _changed(before: Strip, after: Strip) -> tuple[int, int] | None:
    """The first cell that differs and the one after the last; None when nothing does."""
    if before == after:
        return None
    old, new = _cells(before), _cells(after)
    if len(old) != len(new):
        return 0, max(before.cell_length, after.cell_length)
    differing = [index for index, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    return (differing[0], differing[-1] + 1) if differing else None


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    """A strip cell by cell; one with wide characters gives a single item, so that it is repainted whole."""
    cells = list(chain.from_iterable(zip(text, repeat(style)) for text, style, _ in strip))
    return cells if len(cells) == strip.cell_length else [("".join(text for text, _ in cells), None)]
