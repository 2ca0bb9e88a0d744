"""A screen that sends a terminal only the cells that changed.

Textual 8.2 cuts an update at its right end but sends it from the left edge of the widget on (`_compositor.py`, "crop to
x extents"). On a run's screen that is two thirds of all bytes, and over SSH bytes are what a live view costs. Blanks
join the text before them only here: an export to SVG draws braille and blanks of one segment out of place.
"""

from __future__ import annotations

from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.screen import Screen, ScreenResultType
from textual.strip import Strip

from tui.widgets.strips import joined


class ThriftyScreen(Screen[ScreenResultType]):
    """A `Screen` with a compositor of ours; nothing else differs."""

    def __init__(self, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(name, id, classes)
        self._compositor = ThriftyCompositor()


class ThriftyCompositor(Compositor):
    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        update = super().render_full_update(simplify)
        return ThriftyLayout(update.strips, update.region)

    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        return update and ThriftyUpdate(update.chops, update.spans, update.chop_ends)


class ThriftyLayout(LayoutUpdate):
    """The whole screen as terminal sequences."""

    def render_segments(self, console: Console) -> str:
        return "".join(
            f"\x1b[{y + 1};{self.region.x + 1}H{joined(Strip.join(line)).render(console)}"
            for y, line in enumerate(self.strips, self.region.y)
        )


class ThriftyUpdate(ChopsUpdate):
    """Spans of changed cells as terminal sequences, cut at both ends."""

    def render_segments(self, console: Console) -> str:
        return "".join(
            f"\x1b[{y + 1};{first + 1}H{joined(strip.crop(first - x, last - x)).render(console)}"
            for y, x1, x2 in self.spans
            for x, end, strip in self._strips(y)
            if (first := max(x, x1)) < (last := min(end, x2))
        )

    def _strips(self, y: int) -> list[tuple[int, int, Strip]]:
        """(first cell, cell after the last, strip) of what is drawn in row `y`."""
        pairs = zip(self.chop_ends[y], self.chops[y].items(), strict=False)
        return [(x, end, strip) for end, (x, strip) in pairs if strip is not None]
