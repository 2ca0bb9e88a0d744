"""Points on two axes in a frame, or words where there is nothing to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.reactive import reactive

from tui.widgets.panel import Panel, Row, Words

if TYPE_CHECKING:  # it brings numpy, which the first frame must not wait for
    from tui.plot.plane import Spot


class PlaneChart(Panel, can_focus=True):
    """See `tui.widgets` for the arguments."""

    spots: reactive[tuple[Spot, ...]] = reactive["tuple[Spot, ...]"]((), repaint=False)

    def __init__(
        self,
        title: Words = "",
        *,
        axes: tuple[str, str] = ("", ""),
        empty: str = "no data yet",
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(title, id=id, classes=classes)
        self.axes, self.empty = axes, empty

    def paint(self, width: int, height: int) -> Sequence[Row]:
        from tui.plot.plane import Plane

        if self.spots:
            return Plane(self.spots, self.axes, glyphs=self.glyphs).draw(width, height)
        lines = Text(self.empty, "dim").wrap(self.app.console, max(width, 8))
        return [*[()] * max((height - len(lines)) // 2, 0), *map(self.runs, lines)]

    def watch_spots(self) -> None:
        self.stale()
