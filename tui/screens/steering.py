"""What run and gate screens share: sending a command, resuming a lost engine, leaving. Nothing here trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from textual.screen import Screen

from engine.errors import PilothouseError
from tui.messages import CommandSent, HealthChanged, IterationsChanged
from tui.presenters.standing import Standing, standing
from tui.screens.help import Help
from tui.session import Session
from tui.widgets import ThriftyScreen

if TYPE_CHECKING:
    from tui.app import Pilothouse


class Steering(ThriftyScreen[None]):
    """A screen on one run. Commands are written in a thread: a slow disk must not stop the clock."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    @property
    def pilothouse(self) -> Pilothouse:
        return cast("Pilothouse", self.app)

    @property
    def health(self) -> HealthChanged | None:
        return self.session.bulletin.latest(HealthChanged)

    @property
    def standing(self) -> Standing | None:
        health = self.health
        if health is None:
            return None
        return standing(health.state, health.life.verdict, health.info.fault, health.life.beat_age_s)

    @property
    def engine_lives(self) -> bool:
        return self.health is not None and self.health.life.verdict in {"alive", "hung", "stopped"}

    @property
    def resumable(self) -> bool:
        found = self.standing
        return found is not None and found.resumable and not self.session.readonly

    def steer(self, kind: str, arg: Mapping[str, Any] | None = None, why: str = "") -> None:
        """Send a command; the feed tells when the engine has taken it."""

        def send() -> None:
            sent = self.session.client.send(kind, arg, why)
            self.session.feed.await_command(sent.uuid)
            self.app.call_from_thread(self.session.bulletin.publish, CommandSent(sent))

        self._in_thread(send)

    def action_resume(self) -> None:
        self._in_thread(self.session.client.resume)
        self.notify("Starting a new engine…", timeout=4)

    def action_label(self) -> None:
        self.pilothouse.open_label()

    def action_data(self) -> None:
        self.pilothouse.open_data()

    def action_whatif(self) -> None:
        """Of the run's config with the newest iteration's settings; the card is as large as the run finds it."""
        from engine.config import load_config, with_settings
        from tui.presenters.memory import room_in_run

        tree = self.session.bulletin.latest(IterationsChanged)
        settings = next((one.config for one in reversed(tree.iterations) if one.config), {}) if tree else {}
        paths = self.session.paths
        room = room_in_run(self.health.pulse.memory if self.health and self.health.pulse else None)
        self.pilothouse.open_whatif(lambda: with_settings(load_config(paths.config), settings), paths.name, room)

    def action_leave(self) -> None:
        self.pilothouse.leave_run()

    def action_quit(self) -> None:
        self.app.exit()

    def action_help(self) -> None:
        self.app.push_screen(Help(cast("Screen[object]", self)))

    def action_theme(self) -> None:
        self.pilothouse.toggle_theme()

    def _in_thread(self, work: Callable[[], object]) -> None:
        def guarded() -> None:
            try:
                work()
            except (PilothouseError, OSError) as error:
                self.app.call_from_thread(self.notify, str(error), severity="error", markup=False, timeout=10)

        self.run_worker(guarded, thread=True, name="command", group="command", exit_on_error=False)
