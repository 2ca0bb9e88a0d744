"""The first row of a run's screens, from the heartbeat; its clocks tick once a second."""

from __future__ import annotations

from textual.reactive import reactive

from tui.messages import HealthChanged, IterationsChanged
from tui.presenters.standing import standing
from tui.session import Session
from tui.widgets import RunHeader, RunStatus


class Header(RunHeader):
    view_paused: reactive[bool] = reactive(False, repaint=False)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.set_reactive(Header.status, RunStatus(session.paths.name, "starting", readonly=session.readonly))

    def on_mount(self) -> None:
        super().on_mount()
        self.session.bulletin.follow(self, HealthChanged, lambda _: self.tell())
        self.set_interval(1.0, self.tell)

    def watch_view_paused(self) -> None:
        self.tell()

    def tell(self) -> None:
        health = self.session.bulletin.latest(HealthChanged)
        if health is not None:
            self.status = self._status(health)

    def _status(self, health: HealthChanged) -> RunStatus:
        pulse, life = health.pulse, health.life
        how = standing(health.state, life.verdict, health.info.fault, life.beat_age_s)
        iterations = self.session.bulletin.latest(IterationsChanged)
        age = max(0.0, self.session.clock() - pulse.t) if pulse is not None and how.state != "lost" else None
        return RunStatus(
            self.session.paths.name,
            how.state,
            iteration=pulse.iteration if pulse else 0,
            iterations=iterations.budget if iterations else None,
            stage=pulse.stage if pulse else "",
            step=pulse.step if pulse else 0,
            max_steps=pulse.max_steps if pulse else 0,
            unit=pulse.unit if pulse else "step",
            eta_s=pulse.eta_s if pulse else None,
            beat_age_s=age,
            promise_s=pulse.promise_s if pulse else 30.0,
            card=pulse.memory.name if pulse and pulse.memory and self.size.width >= 140 else "",
            badge="VIEW PAUSED" if self.view_paused else "SUSPENDED" if how.state == "suspended" else "",
            readonly=self.session.readonly,
        )
