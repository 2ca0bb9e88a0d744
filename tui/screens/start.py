"""A run's name asked for, while its memory is planned: what will not fit is refused in words, and may be overridden."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from engine.errors import PilothouseError
from tui.planner import Outlook, Planner
from tui.screens.prompt import Check, Prompt
from tui.widgets import Prose

ANYWAY = "ctrl+o"


class StartPrompt(Prompt):
    """Enter before the plan is there starts the run once it fits. `outlook` is what was found, None while it is not."""

    BINDINGS = [Binding(ANYWAY, "anyway", "start all the same", priority=True)]

    def __init__(self, config: Path, planner: Planner, *, value: str, check: Check) -> None:
        about = "An engine of its own is started; it goes on when this terminal is left."
        super().__init__(f"Start {config.name} as", about, value=value, check=check)
        self.config, self._planner = config, planner
        self.outlook: Outlook | None = None
        self._wanted: str | None = None

    def between(self) -> ComposeResult:
        yield Prose(Text("memory  planning…", "dim"), id="prompt-plan")

    def on_mount(self) -> None:
        self.run_worker(self._plan, thread=True, name="plan", group="plan", exit_on_error=False)

    def _plan(self) -> None:
        outlook = look(self._planner, self.config)
        self.app.call_from_thread(self._planned, outlook)

    def _planned(self, outlook: Outlook) -> None:
        from tui.presenters.memory import outlook_line

        if not self.is_attached:
            return
        self.outlook = outlook
        self.query_one("#prompt-plan", Prose).text = outlook_line(outlook)
        if self._wanted is not None:
            self.take(self._wanted)

    @on(Input.Changed)
    def _another(self) -> None:
        """Whoever goes on typing has not said yet what to start."""
        self._wanted = None

    def take(self, value: str) -> None:
        if self.outlook is None:
            self._wanted = value
            self._say(Text.assemble("it starts when its plan is there and fits   ", *_ANYWAY))
        elif self.outlook.fit == "over":
            self._wanted = None
            self._say(Text.assemble(("not started: it will not fit   ", "bold bad"), *_ANYWAY))
            self.app.bell()
        else:
            self.dismiss(value)

    def action_anyway(self) -> None:
        value = self.query_one(Input).value
        if not self._check(value):
            self.dismiss(value)

    def _say(self, words: Text) -> None:
        self.query_one("#prompt-fault", Prose).text = words


_ANYWAY = ((ANYWAY, "bold warn"), " starts it all the same   ", ("esc", "bold warn"), " back")


def look(planner: Planner, source: Path) -> Outlook:
    """What the run of a config file needs; faults of the file itself are told when it is started."""
    from engine.config import load_config
    from tui.commands.inputs import settle_model

    try:
        config = settle_model(load_config(source), str(source))
    except PilothouseError:
        return Outlook(why="the config has faults")
    if config.memory.auto == "fit":
        return Outlook(why="auto: fit chooses settings that fit when the run is made")
    return planner.start(config)
