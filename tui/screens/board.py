"""The run's panels: four charts in step, memory, iterations, events; all at once, or one alone where there is no room.

Panels follow the bulletin by themselves; the board only arranges them and moves the charts' common view and cursor.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message
from textual.reactive import reactive

from engine.records import Thresholds
from tui.feed import View as Look
from tui.messages import (
    CurvesChanged,
    EventsChanged,
    FeedMessage,
    HealthChanged,
    IterationsChanged,
    MemoryHistory,
    PlanRead,
)
from tui.plot.view import View
from tui.presenters.charts import SLOTS, Curve, Plot
from tui.presenters.iterations import iteration_table
from tui.presenters.judges import judges_title
from tui.screens.grid import fill
from tui.session import Session
from tui.widgets import Chart, EventLog, MemoryPanel, Panel, Table

SMOOTHING = (4.0, 16.0, 64.0, 0.0)
"""Time constants in steps that `s` goes through; 0 is none. It does not change with the zoom."""
PANELS = ("loss", "accuracy", "KL", "margin", "memory", "iterations", "events")


class Board(Container):
    single: reactive[bool] = reactive(False, init=False)
    paused: reactive[bool] = reactive(False, init=False)
    shown: reactive[str] = reactive("loss", init=False)

    class Changed(Message):
        """Another panel is shown, or the view was paused or rescaled: what the tab row tells."""

    def __init__(self, session: Session) -> None:
        super().__init__(id="board")
        self.session = session
        self.whole_run = False
        self._view = View()
        self._scope: int | None = None
        self._live: list[tuple[type[FeedMessage], Callable[[Any], None]]] = []
        self._last_event = 0
        self._kl_limit = Thresholds().kl
        self.tabs: tuple[str, ...] = PANELS
        """What each panel shows, in a word: a chart's metric depends on the recipe and the stage."""

    def compose(self) -> ComposeResult:
        charts = [_chart(name, slot[0]) for name, slot in zip(PANELS, SLOTS, strict=False)]
        yield from charts[:2]
        yield MemoryPanel(id="memory")  # the grid places it beside the first two
        yield from charts[2:]
        yield Table((), "iterations", empty="nothing is measured yet", id="iterations")
        yield EventLog(id="events")

    def on_mount(self) -> None:
        self._follow(CurvesChanged, self._show_curves)
        self._follow(HealthChanged, self._show_memory)
        self._follow(MemoryHistory, self._show_memory_history)
        self._follow(PlanRead, lambda message: self.query_one(MemoryPanel).set_plan(message.plan))
        self._follow(IterationsChanged, self._show_iterations)
        self._follow(EventsChanged, self._show_events)
        self.watch_shown(self.shown)

    # ── what is new ──────────────────────────────────────────────────────────────────────────────────────────────

    def _follow(self, kind: type[FeedMessage], show: Callable[[Any], None]) -> None:
        self._live.append((kind, show))
        self.session.bulletin.follow(self, kind, lambda message: None if self.paused else show(message))

    def _show_curves(self, message: CurvesChanged) -> None:
        if message.iteration != self._scope:  # another iteration counts its own steps: an old window means nothing
            self._scope, self._view = message.iteration, self._view.reset()
            self._ask()
        self._view = self._view.grow(message.extent)
        of = "run" if message.iteration is None else f"iteration {message.iteration}"
        marks = self._marks() if message.iteration is None else ()
        for chart, curve in zip(self.charts, message.curves, strict=True):
            chart.marks = marks
            chart.view = self._view.range
            _draw(chart, curve, of, self._kl_limit)
        words = (curve.plot.tab if curve else "" for curve in message.curves)
        tabs = tuple(word or name for word, name in zip_longest(words, PANELS, fillvalue=""))
        if tabs != self.tabs:
            self.tabs = tabs
            self.post_message(self.Changed())

    def _marks(self) -> tuple[tuple[float, str], ...]:
        """Where each iteration began, for charts of the whole run."""
        tree = self.session.bulletin.latest(IterationsChanged)
        return tuple((float(one.first_step), str(one.index)) for one in tree.iterations if one.index) if tree else ()

    def _show_memory(self, message: HealthChanged) -> None:
        if message.pulse is not None:
            self.query_one(MemoryPanel).show(message.pulse)

    def _show_memory_history(self, message: MemoryHistory) -> None:
        self.query_one(MemoryPanel).set_history(message.t, message.used)

    def _show_iterations(self, message: IterationsChanged) -> None:
        health = self.session.bulletin.latest(HealthChanged)
        in_force = health.pulse.in_force if health and health.pulse else {}
        table = self.query_one("#iterations", Table)
        table.title = judges_title(message.iterations, table.glyphs.ramp)
        fill(table, iteration_table(message.iterations, message.best, message.kl_limit, in_force))
        self._kl_limit = message.kl_limit

    def _show_events(self, message: EventsChanged) -> None:
        new = [event for event in message.events if event.id > self._last_event]
        if new:
            self._last_event = new[-1].id
            self.query_one(EventLog).extend(new)

    # ── how it is looked at ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def charts(self) -> list[Chart]:
        return list(self.query(Chart))

    def zoom(self, factor: float) -> None:
        self._look(self._view.zoom(factor, self.charts[0].cursor_x))

    def pan(self, share: float) -> None:
        self._look(self._view.pan(share))

    def zoom_reset(self) -> None:
        self._look(self._view.reset())
        self._point(None)

    def move_cursor(self, cells: int) -> None:
        """The cursor of all charts at the same step; a panned window follows when it leaves it."""
        chart = self.charts[0]
        self._point(self._view.step(chart.cursor_x, cells, max(other.plot_width for other in self.charts)))

    @on(Chart.Pointed)
    def _pointed(self, event: Chart.Pointed) -> None:
        self._point(event.x)

    def _point(self, at: float | None) -> None:
        for chart in self.charts:
            chart.cursor_x = at

    def toggle_log(self) -> None:
        log = not self.charts[0].log_axis
        for chart in self.charts:
            chart.log_axis = log

    def next_smoothing(self) -> float:
        tau = SMOOTHING[(SMOOTHING.index(self.charts[0].smooth) + 1) % len(SMOOTHING)]
        for chart in self.charts:
            chart.smooth = tau
        return tau

    def toggle_scope(self) -> None:
        self.whole_run = not self.whole_run
        self._view = self._view.reset()
        self._ask()

    def step_shown(self, by: int) -> None:
        self.shown = PANELS[(PANELS.index(self.shown) + by) % len(PANELS)]

    def _look(self, view: View) -> None:
        self._view = view
        for chart in self.charts:
            chart.view = view.range
        self._ask()

    def _ask(self) -> None:
        """Tell the feed what is looked at: a point a dot, two dots a cell."""
        columns, window = 2 * max(chart.plot_width for chart in self.charts), self._view.window
        if window is not None:
            warm = min(5 * self.charts[0].smooth, window[0])  # what the smoothed line needs before it is seen
            columns = round(columns * (1 + warm / (window[1] - window[0])))
            window = window[0] - warm, window[1]
        self.session.feed.look(Look(self.whole_run, window, columns))

    def on_resize(self) -> None:
        self.call_after_refresh(self._ask)

    def watch_single(self, single: bool) -> None:
        self.set_class(single, "-single")
        self.call_after_refresh(self._ask)
        self.post_message(self.Changed())

    def watch_shown(self, shown: str) -> None:
        for name in PANELS:
            self.query_one(f"#{name}", Panel).set_class(name == shown, "-shown")
        self.post_message(self.Changed())

    def watch_paused(self, paused: bool) -> None:
        self.post_message(self.Changed())
        for kind, show in () if paused else self._live:
            message = self.session.bulletin.latest(kind)
            if message is not None:
                show(message)


def _chart(name: str, plot: Plot) -> Chart:
    return Chart(plot.title, bounds=(plot.lo, plot.hi), smooth=SMOOTHING[0], id=name)


def _draw(chart: Chart, curve: Curve | None, of: str, kl_limit: float) -> None:
    if curve is None:
        chart.set_series([], [], [], [])
        return
    chart.bounds, chart.unit = (curve.plot.lo, curve.plot.hi), curve.plot.unit
    chart.limit_word = "limit" if curve.target is None else "target"
    chart.limit = kl_limit if curve.plot.limited else curve.target
    chart.title = Text.assemble((curve.plot.title, "dim"), (f" · {of}", "faint"))
    chart.set_series(curve.x, curve.lo, curve.hi, curve.mean)
