"""A line chart in a frame: raw data dim, smoothed data bright, the newest value (or the cursor's) in the border."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive

from tui.plot.labels import number
from tui.plot.view import settle
from tui.widgets.panel import Panel, Row, Words

if TYPE_CHECKING:  # they bring numpy, which an empty chart in the first frame must not wait for
    from numpy.typing import ArrayLike

    from tui.plot.figure import Figure
    from tui.plot.series import Series

Range = tuple[float, float]

MARGIN = 6
"""Cells left of the y axis, the same for all charts so that their plots stand in line."""


class Chart(Panel, can_focus=True):
    """See `tui.widgets` for the arguments. The screen owns view and cursor, so that all its charts move in step."""

    log_axis: reactive[bool] = reactive(False, repaint=False)
    smooth: reactive[float] = reactive(0.0, repaint=False)
    limit: reactive[float | None] = reactive[float | None](None, repaint=False)
    view: reactive[Range | None] = reactive[Range | None](None, repaint=False)
    cursor_x: reactive[float | None] = reactive[float | None](None, repaint=False)
    marks: reactive[tuple[tuple[float, str], ...]] = reactive[tuple[tuple[float, str], ...]]((), repaint=False)

    class Pointed(Message):
        """The chart was clicked at `x`, in data units."""

        def __init__(self, chart: Chart, x: float) -> None:
            super().__init__()
            self.chart, self.x = chart, x

        @property
        def control(self) -> Chart:
            return self.chart

    def __init__(
        self,
        title: Words = "",
        *,
        unit: str = "",
        limit: float | None = None,
        bounds: tuple[float | None, float | None] = (None, None),
        log_axis: bool = False,
        smooth: float = 0.0,
        tone: str = "run",
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(title, id=id, classes=classes)
        self.unit, self.bounds, self.tone = unit, bounds, tone
        self.series: Series | None = None
        self.limit_word = "limit"  # or "target": past that nothing is wrong
        self.set_reactive(Chart.limit, limit)
        self.set_reactive(Chart.log_axis, log_axis)
        self.set_reactive(Chart.smooth, smooth)

    def set_series(self, x: ArrayLike, lo: ArrayLike, hi: ArrayLike, mean: ArrayLike) -> None:
        """New points in rising x, all of one length; NaN leaves a gap. Costs O(points)."""
        from tui.plot.series import Series

        self.series = Series.of(x, lo, hi, mean, self.smooth)
        self.stale()

    @property
    def shown(self) -> Range:
        """The range of x on screen: `view`, or all of the data."""
        if self.view is not None and self.view[1] > self.view[0]:
            return self.view
        return settle((self.series and self.series.extent) or (0.0, 1.0))

    @property
    def plot_width(self) -> int:
        """Cells of the chart that hold dots: what one step of the cursor and the store's columns are counted in."""
        return max(self.inner.width - MARGIN - 1, 1)

    def _figure(self, series: Series) -> Figure:
        from tui.plot.figure import Figure

        return Figure(
            series,
            self.shown,
            limit=self.limit,
            limit_label="" if self.limit is None else f"{self.limit_word} {self.limit:.3g}",
            limit_tone="bad" if self.limit_word == "limit" else "dim",
            bounds=self.bounds,
            log=self.log_axis,
            cursor=self.cursor_x,
            marks=self.marks,
            margin=MARGIN,
            tone=self.tone,
            glyphs=self.glyphs,
        )

    def paint(self, width: int, height: int) -> Sequence[Row]:
        self.set_reactive(Chart.note, self.reading())
        if self.series is None or not len(self.series.x):
            return [*[()] * (height // 2), [("no data yet".center(width)[:width], "dim")]][:height]
        return self._figure(self.series).draw(width, height)

    def reading(self) -> Text:
        """What the border says: the value under the cursor with its step, or else the newest one."""
        series, at = self.series, self.cursor_x
        index = None if series is None else series.last() if at is None else series.nearest(at)
        if series is None or index is None:
            return Text()
        value, low, high = (float(column[index]) for column in (series.smooth, series.low, series.high))
        over = self.limit is not None and value > self.limit and self.limit_word == "limit"
        parts = [Text.assemble((number(value), "bold bad" if over else "bold"), (f" {self.unit}".rstrip(), "dim"))]
        if at is not None:
            parts[0] = Text.assemble((f"step {series.x[index]:,.0f}  ", "dim"), (number(value), "bold"))
            raw = number(low) if low == high else f"{number(low)} to {number(high)}"
            parts += [Text(f"raw {raw}", "dim")] if not value == low == high else []
        if self.limit is not None:
            parts.append(Text(f"{'over ' * over}{self.limit_word} {self.limit:.3g}", "bad" if over else "dim"))
        parts += [Text("log", "dim")] if self.log_axis else []
        return self._fitting(parts)

    def _fitting(self, parts: list[Text]) -> Text:
        """As many of `parts`, from the first, as the border has room for: a number is never cut."""
        between = Text.assemble((f" {self.glyphs.dot} ", "dim"))
        while len(parts) > 1 and between.join(parts).cell_len > self.inner.width - 2:
            parts = parts[:-1]
        return between.join(parts)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self.inner:
            share = min(max((offset.x - 2 - MARGIN - 0.5) / self.plot_width, 0.0), 1.0)
            self.post_message(self.Pointed(self, self.shown[0] + (self.shown[1] - self.shown[0]) * share))

    def watch_smooth(self, tau: float) -> None:
        self.series = self.series and self.series.smoothed(tau)
        self.stale()

    def watch_log_axis(self) -> None:
        self.stale()

    def watch_limit(self) -> None:
        self.stale()

    def watch_view(self) -> None:
        self.stale()

    def watch_cursor_x(self) -> None:
        self.stale()

    def watch_marks(self) -> None:
        self.stale()
