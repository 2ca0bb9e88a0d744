"""Commands to a running engine, each asked before it is sent: pause, resume, gate, checkpoint, stop, live settings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.app import SystemCommand

from engine.errors import ConfigError
from engine.records import Settings
from tui.messages import IterationsChanged
from tui.presenters.numbers import setting
from tui.screens.prompt import Prompt
from tui.screens.steering import Steering
from tui.widgets import Confirm

LIVE_SETTINGS = ("learning_rate", "beta")


class Controls(Steering):
    def control_commands(self) -> Iterator[SystemCommand]:
        """For the palette; none where this terminal only looks or no engine listens."""
        if self.session.readonly or not self.engine_lives:
            return
        if self._state == "paused":
            yield SystemCommand("Resume training", "go on after a pause", self.action_pause_run)
        else:
            yield SystemCommand("Pause training", "at the next step, until resumed", self.action_pause_run)
        yield SystemCommand("Gate now", "end training here and evaluate this iteration", self._ask_gate)
        yield SystemCommand("Checkpoint now", "write a checkpoint at the next step", partial(self.steer, "checkpoint"))
        for name in LIVE_SETTINGS:
            yield SystemCommand(
                f"Set {name}", "of the running iteration, from its next step", partial(self.ask_setting, name)
            )
        yield SystemCommand("Stop the run", "checkpoint, then end the engine (asks for the word)", self.ask_stop)

    @property
    def _state(self) -> str:
        return self.health.info.state if self.health else ""

    def action_pause_run(self) -> None:
        if self._state == "paused":
            self._ask("Resume training?", "Training goes on at the step where it was paused.", "resume")
        else:
            self._ask(
                "Pause training?",
                "The engine holds at the next step and keeps the model loaded; the same key resumes it.",
                "pause",
            )

    def _ask_gate(self) -> None:
        self._ask(
            "Go to the gate now?",
            "Training of this iteration ends at the next step; what it has learned so far is evaluated.",
            "gate",
        )

    def _ask(self, question: str, consequence: str, kind: str) -> None:
        def answer(yes: bool | None) -> None:
            if yes:
                self.steer(kind)

        self.app.push_screen(Confirm(question, consequence, yes=kind, clock=self.session.monotonic), answer)

    def ask_stop(self) -> None:
        def answer(text: str | None) -> None:
            if text is not None:
                self.steer("stop")

        about = "The engine writes a checkpoint at the next step and ends. It can be resumed later. Type stop to do so."
        fault = "type stop"
        self.app.push_screen(
            Prompt(f"Stop {self.session.paths.name}?", about, check=lambda text: "" if text == "stop" else fault),
            answer,
        )

    def ask_setting(self, name: str) -> None:
        """A live value, checked as typed by the config's own rules; what is in force is shown."""
        from engine.config import check_setting

        current, force = self._settings(), self._in_force(name)

        def fault(text: str) -> str:
            try:
                check_setting(name, text, current)
            except ConfigError as error:
                return str(error.faults[0])
            return ""

        def answer(text: str | None) -> None:
            if text is not None:
                self.steer("set", {name: check_setting(name, text, current)})

        self.app.push_screen(Prompt(f"Set {name}", f"In force now: {force}", value=force, check=fault), answer)

    def _settings(self) -> Settings:
        message = self.session.bulletin.latest(IterationsChanged)
        return next((one.config for one in reversed(message.iterations) if one.config), {}) if message else {}

    def _in_force(self, name: str) -> str:
        live = self.health.pulse.in_force if self.health and self.health.pulse else {}
        return setting(live.get(name, self._settings().get(name)))
