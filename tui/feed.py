"""One thread tails a run's ledger and tells the screens what is new; it holds nothing that is not in the ledger.

Two paces: the heartbeat, events and commands five times a second; what is dear to read (curves, iterations, the gate)
twice a second or at once when the state or the view changes, and more seldom where reading it takes long. An empty poll
costs microseconds. Nothing is read before the first frame is painted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import StoreError
from engine.records import Event, Iteration, Thresholds
from tui.messages import (
    CommandApplied,
    CurvesChanged,
    EventsChanged,
    FeedFailed,
    FeedMessage,
    GateChanged,
    HealthChanged,
    IterationsChanged,
    MemoryHistory,
    PlanRead,
)
from tui.presenters.charts import SLOTS, Curve, Plot, scope

if TYPE_CHECKING:
    from engine.store.lock import Liveness
    from engine.store.paths import RunPaths
    from engine.store.reader import Reader

FAST_S, SLOW_S = 0.2, 0.5
SHARE = 1 / 100
"""Of one core, that reading curves may take: after a dear look at a long run the next one waits longer."""
EVENTS = 200
MEMORY_POINTS = 600


@dataclass(frozen=True, slots=True)
class View:
    """What the charts look at: the newest iteration that trained, or the whole run; a range of shown steps, or all."""

    whole_run: bool = False
    range: tuple[float, float] | None = None
    columns: int = 80


class Feed:
    """`post` is called in the feed's thread and must be safe there, as `App.post_message` is."""

    def __init__(
        self, paths: RunPaths, post: Callable[[FeedMessage], object], clock: Callable[[], float] = time.time
    ) -> None:
        self.paths = paths
        self._post = post
        self._clock = clock
        self._wake = threading.Event()
        self._view = View()
        self._awaited: set[str] = set()
        self._limits: tuple[float, int | None, bool] | None = None
        self._events: tuple[Event, ...] = ()
        self._iterations: tuple[Iteration, ...] = ()
        self._seen: dict[type[FeedMessage], object] = {}
        self._place: tuple[object, ...] = ()
        self._life: Liveness | None = None
        self._life_at = 0.0
        self._slow_at, self._slow_s, self._took = 0.0, SLOW_S, 0.0

    def look(self, view: View) -> None:
        """Show another range from the next poll on, which comes at once."""
        if view != self._view:
            self._view = view
            self._slow_at = 0.0
            self._wake.set()

    def await_command(self, uuid: str) -> None:
        """Tell when the engine has taken this command."""
        self._awaited.add(uuid)
        self._wake.set()

    def follow(self, cancelled: Callable[[], bool]) -> None:
        """Poll until cancelled. A ledger that cannot be read is said once, then tried again."""
        from engine.store.reader import Reader

        while not cancelled():
            try:
                with Reader(self.paths.ledger) as reader:
                    while not cancelled():
                        self.poll(reader)
                        self._rest(FAST_S)
            except StoreError as error:
                self._tell(FeedFailed(str(error)), str(error))
                self._rest(SLOW_S)

    def close(self) -> None:
        """Let a sleeping `follow` notice that it is cancelled."""
        self._wake.set()

    def poll(self, reader: Reader) -> None:
        """Read once and post what is new."""
        changed = self._health(reader)
        self._read_events(reader)
        self._commands(reader)
        now = self._clock()
        if changed or not self._slow_at <= now < self._slow_at + self._slow_s:
            began = time.thread_time()
            self._read_iterations(reader)
            self._curves(reader)
            self._slow_at = now
            self._pace(time.thread_time() - began)

    def _pace(self, took: float) -> None:
        """The quicker of the last two looks counts: the first one also pays for imports, which nobody need wait for."""
        self._slow_s, self._took = max(SLOW_S, min(took, self._took) / SHARE), took

    def _rest(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()

    def _tell(self, message: FeedMessage, key: object) -> bool:
        """Post unless the screens know it already."""
        if type(message) in self._seen and self._seen[type(message)] == key:
            return False
        self._seen[type(message)] = key
        self._post(message)
        return True

    def _health(self, reader: Reader) -> bool:
        """True when the run's state or place is another than at the last poll."""
        from engine.store.status import derived_state

        info, pulse = reader.state(), reader.pulse()
        life = self._liveness()
        state = derived_state(info, life, self._clock())
        self._tell(HealthChanged(state, info, pulse, life), (state, info, pulse, life.verdict))
        place = (state, life.verdict, pulse and pulse.iteration, pulse and pulse.stage)
        before, self._place = self._place, place
        return place != before

    def _liveness(self) -> Liveness:
        """Looked at twice a second: it opens two files."""
        from engine.store.lock import liveness

        now = self._clock()
        if self._life is None or not 0 <= now - self._life_at < SLOW_S:
            self._life, self._life_at = liveness(self.paths, self._clock), now
        return self._life

    def _read_events(self, reader: Reader) -> None:
        after = self._events[-1].id if self._events else 0
        new = reader.events(after=after, limit=EVENTS)
        if new or not self._seen.get(EventsChanged):
            self._events = (*self._events, *new)[-EVENTS:]
            self._tell(EventsChanged(self._events), [event.id for event in self._events])

    def _commands(self, reader: Reader) -> None:
        for uuid in list(self._awaited):
            applied = reader.applied(uuid)
            if applied is not None:
                self._awaited.discard(uuid)
                self._post(CommandApplied(applied))

    def _read_iterations(self, reader: Reader) -> None:
        if self._limits is None:
            self._limits = read_limits(self.paths)
        self._iterations = reader.iterations()
        gate = reader.gate()
        best = gate.assessment.best if gate else None
        self._tell(IterationsChanged(self._iterations, best, *self._limits), (self._iterations, best))
        self._tell(GateChanged(gate), gate)
        self._read_plan()

    def _read_plan(self) -> None:
        """Once: a run's plan is written before it starts, or when somebody first asks."""
        from engine.store.plans import read_plan

        if PlanRead not in self._seen and (plan := read_plan(self.paths)) is not None:
            self._tell(PlanRead(plan), plan.key)

    def _curves(self, reader: Reader) -> None:
        newest, view, last = reader.last_id(), self._view, reader.step_range()[1]
        one = None if view.whole_run else scope(self._iterations, last)
        key = (newest, view, one.index if one else None)
        if self._seen.get(CurvesChanged) == key:
            return
        first, end = one.first_step if one else 0, _end(one, self._iterations)
        window = _window(view, first, end)
        curves = tuple(_first_with_data(reader, slot, window, first, view.columns) for slot in SLOTS)
        extent = (_begin(curves), float(max(1, (last if end is None else end) - first)))
        self._tell(CurvesChanged(curves, one.index if one else None, extent), key)
        self._tell(MemoryHistory(*_columns(reader.recent("memory/used", MEMORY_POINTS))), newest)


def _columns(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [t for t, _ in points], [value for _, value in points]


def _first_with_data(
    reader: Reader, slot: tuple[Plot, ...], window: tuple[int | None, int | None], first: int, columns: int
) -> Curve | None:
    for plot in slot:
        if plot.beside and not len(reader.series(plot.beside, *window, columns=1).x):
            continue
        series = reader.series(plot.metric, *window, columns=columns)
        if len(series.x):
            target = reader.recent(plot.target, 1) if plot.target else []
            return Curve(plot, series.x - first, series.lo, series.hi, series.mean, target[-1][1] if target else None)
    return None


def _window(view: View, first: int, end: int | None) -> tuple[int | None, int | None]:
    """The run-wide steps to read: of the view where it has a range, else of the iteration, else all."""
    if view.range is None:
        return (first + 1 if first else None), end
    lo, hi = view.range
    return first + int(lo), min(first + int(hi) + 1, end) if end is not None else first + int(hi) + 1


def _begin(curves: tuple[Curve | None, ...]) -> float:
    """Where the axis begins: at step 1, or where all that is shown is of a later stage, at that stage's first step."""
    shown = [curve for curve in curves if curve is not None]
    if not shown or not all(curve.plot.late for curve in shown):
        return 1.0
    return float(min(curve.x[0] for curve in shown))


def _end(one: Iteration | None, iterations: tuple[Iteration, ...]) -> int | None:
    later = [other.first_step for other in iterations if one is not None and other.index > one.index]
    return min(later) - 1 if later else None


def read_limits(paths: RunPaths) -> tuple[float, int | None, bool]:
    """The KL limit, how many iterations the run may take, whether findings are tested; defaults where none is said.

    Read as plain YAML: the schema's checks cost a tenth of a second, and the engine has made them.
    """
    import yaml

    try:
        raw = yaml.safe_load(paths.config.read_text("utf-8")[:100_000])
        kl = float(raw["thresholds"]["kl"])
        iterations = raw["budget"]["iterations"]
        return kl, iterations if isinstance(iterations, int) else None, raw.get("evidence") is not False
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return Thresholds().kl, None, True
