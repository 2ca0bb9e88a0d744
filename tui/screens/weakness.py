"""One weakness opened: the intervals drawn, the test in words, and what was said before and after."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.worker import Worker, WorkerState

from engine.errors import PilothouseError
from engine.records import Metric, Weakness
from tui.keys import WEAKNESS
from tui.plot.intervals import Bar, interval_rows
from tui.presenters.weakness import (
    Study,
    against,
    answer_sides,
    bars,
    counts,
    flip_title,
    flips,
    heading,
    limit,
    part,
    weighed,
)
from tui.screens.keybar import KeyBar
from tui.screens.steering import Steering
from tui.session import Session
from tui.widgets import Panel, Prose, SideBySide
from tui.widgets.panel import Row


class IntervalPlot(Panel):
    """Values and their 95 % intervals on one scale, the limit across them."""

    DEFAULT_CSS = "IntervalPlot { height: auto; }"

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__("95 % intervals", id=id)
        self._bars: tuple[Bar, ...] = ()
        self._limit: float | None = None

    def show(self, bars: tuple[Bar, ...], limit: float | None) -> None:
        self._bars, self._limit = bars, limit
        self.stale(resized=True)

    def paint(self, width: int, height: int) -> Sequence[Row]:  # noqa: ARG002
        rows = interval_rows(self._bars, self._limit, width, self.glyphs)
        return rows or [[("no value is on record", "dim")]]


class WeaknessScreen(Steering):
    """Items and answers are read in a thread: their files can be large."""

    BINDINGS = [*WEAKNESS]

    def __init__(self, session: Session, weakness: Weakness, index: int, parent: int | None) -> None:
        super().__init__(session)
        self._study = Study(weakness, index, parent, against(weakness, index), (None, None, None), told="reading…")
        self._at = 0

    def compose(self) -> ComposeResult:
        yield Prose(id="weakness-head")
        yield IntervalPlot(id="intervals")
        yield Prose(title="how sure", id="weighed")
        yield SideBySide("answers that changed", id="flips")
        yield KeyBar()

    def on_mount(self) -> None:
        weakness = self._study.weakness
        tone = "bold bad" if weakness.severity in {"critical", "high"} else "bold warn"
        head = Text.assemble((heading(weakness), "bold"), "   ", (weakness.severity, tone))
        off = "evidence: off, bare limit" if weakness.evidence == "off" else weakness.evidence.replace("_", " ")
        self.query_one("#weakness-head", Prose).text = head.append(f"   {off}", "bold warn" if "off" in off else "")
        self.query_one(SideBySide).focus()
        self._tell(self._study, tuple(bars(self._study, lambda _: None)))
        self.run_worker(self._load, thread=True, name="weakness", group="weakness", exclusive=True, exit_on_error=False)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _load(self) -> None:
        from engine.judgement import interval  # scipy comes with it, in this thread

        try:
            study = self._read()
        except (PilothouseError, OSError) as error:
            self.app.call_from_thread(self._failed, str(error))
            return
        self.app.call_from_thread(self._tell, study, bars(study, interval))

    def _read(self) -> Study:
        """Raises StoreError naming the file that cannot be read."""
        from engine.store.iterations import load_answers

        known = self._study
        weakness, name = known.weakness, known.weakness.metric
        then, parent, now = (self._metric(index) for index in (0, known.parent, known.index))
        other = then if not known.against else self._metric(known.against)
        changed, told = flips(weakness, now, other)
        answers = [
            load_answers(self.session.paths, index, name) if changed and index is not None else {}
            for index in (known.against, known.index)
        ]
        metrics = (part(then, weakness.category), part(parent, weakness.category), part(now, weakness.category))
        return Study(weakness, known.index, known.parent, known.against, metrics, changed, answers[0], answers[1], told)

    def _metric(self, index: int | None) -> Metric | None:
        from engine.store.iterations import load_metrics

        return None if index is None else load_metrics(self.session.paths, index).get(self._study.weakness.metric)

    # ── showing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A fault that nobody foresaw is shown too, rather than `reading…` for ever."""
        if event.state is WorkerState.ERROR:
            self._failed(repr(event.worker.error))

    def _failed(self, fault: str) -> None:
        panel = self.query_one(SideBySide)
        panel.title = Text("the answers cannot be shown", "bad")
        panel.show(fault, ())

    def _tell(self, study: Study, drawn: tuple[Bar, ...]) -> None:
        self._study, self._at = study, 0
        self.query_one(IntervalPlot).show(drawn, limit(study.weakness))
        self.query_one("#weighed", Prose).text = weighed(study)
        self.action_step(0)

    def action_step(self, by: int) -> None:
        """The next answer that changed, or the one before; after the last comes the first."""
        study, panel = self._study, self.query_one(SideBySide)
        if not study.flips:
            panel.show(f"No answers to show: {counts(study)}.", ())
            return
        self._at = (self._at + by) % len(study.flips)
        flip = study.flips[self._at]
        prompt, sides, missing = answer_sides(study, flip)
        panel.title = Text.assemble((f"{counts(study)}  ", "dim"), (flip_title(study, flip, self._at), "bold"))
        panel.show(f"Item {flip.item}: {missing}" if missing else prompt, sides)

    def action_back(self) -> None:
        self.dismiss()
