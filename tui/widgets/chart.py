"""A line chart in a frame: raw data dim, smoothed data bright, the newest value (or the cursor's) in the border."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive

from tui.plot import scale
from tui.plot.figure import Figure, Range, Series
from tui.plot.view import settle
from tui.widgets.panel import Panel, Row, Words


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
        self.series = Series()
        self.set_reactive(Chart.limit, limit)
        self.set_reactive(Chart.log_axis, log_axis)
        self.set_reactive(Chart.smooth, smooth)

    def set_series(
        self,
        x: Sequence[float] | Any,
        lo: Sequence[float] | Any,
        hi: Sequence[float] | Any,
        mean: Sequence[float] | Any,
    ) -> None:
        """New points in rising x, as lists or arrays of equal length; NaN leaves a gap. Costs O(points)."""
        plain = [list(v.tolist()) if hasattr(v, "tolist") else list(v) for v in (x, lo, hi, mean)]
        self.series = Series.of(plain[0], plain[1], plain[2], plain[3], self.smooth)
        self.stale()

    @property
    def shown(self) -> Range:
        """The range of x on screen: `view`, or all of the data."""
        if self.view is not None and self.view[1] > self.view[0]:
            return self.view
        return settle(self.series.extent or (0.0, 1.0))

    @property
    def plot_width(self) -> int:
        """Cells of the chart that hold dots: what one step of the cursor and the store's columns are counted in."""
        return self.figure.plot_width(self.inner.width)

    @property
    def figure(self) -> Figure:
        return Figure(
            self.series,
            self.shown,
            limit=self.limit,
            limit_label="" if self.limit is None else f"limit {self.limit:g}",
            bounds=self.bounds,
            log=self.log_axis,
            cursor=self.cursor_x,
            marks=self.marks,
            tone=self.tone,
            glyphs=self.glyphs,
        )

    def paint(self, width: int, height: int) -> Sequence[Row]:
        self.set_reactive(Chart.note, self.reading())
        return self.figure.draw(width, height)

    def reading(self) -> Text:
        """What the border says: the value under the cursor with its step, or else the newest one."""
        series, at = self.series, self.cursor_x
        index = series.last() if at is None else series.nearest(at)
        text = Text()
        if index is None:
            return text
        value = series.smooth[index]
        if at is not None:
            text.append(f"step {series.x[index]:,.0f} ", "dim")
        text.append(scale.number(value), "bold")
        text.append(f" {self.unit}" if self.unit else "", "dim")
        if at is not None and series.low[index] < series.high[index]:
            text.append(f" in {scale.number(series.low[index])} to {scale.number(series.high[index])}", "dim")
        if self.limit is not None:
            over = value > self.limit
            text.append(f" {self.glyphs.dot} ", "dim")
            text.append(f"over limit {self.limit:g}" if over else f"limit {self.limit:g}", "bad" if over else "dim")
        text.append(f" {self.glyphs.dot} log" if self.log_axis else "", "dim")
        return text

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self.inner:
            self.post_message(self.Pointed(self, self.figure.x_at(offset.x - 2, self.inner.width)))

    def watch_smooth(self, tau: float) -> None:
        self.series = self.series.smoothed(tau)
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
