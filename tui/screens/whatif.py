"""What if: batch, length and rank edited, and the bar moves as they are typed. Nothing of the run is changed.

The simulator is asked in a thread, one question at a time: after a pause in typing, and again after an answer where the
numbers have changed meanwhile. An answer to numbers that no longer stand is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from engine.config import RunConfig, override
from engine.errors import ConfigError
from engine.memory.planning.room import Room
from engine.text import one_line
from tui.keys import WHATIF
from tui.planner import Outlook
from tui.presenters.memory import about, outlook_line
from tui.screens.keybar import KeyBar
from tui.widgets import Prose
from tui.widgets.plan import PlanBar

if TYPE_CHECKING:
    from tui.app import Pilothouse

PAUSE_S = 0.25
"""A pause in typing this long asks; shorter ones are between two digits."""
FIELDS: Mapping[str, str] = {
    "training.batch_size": "pairs a micro-step",
    "training.max_length": "tokens of prompt and completion",
    "model.lora_r": "LoRA rank",
}


class WhatIf(ModalScreen[None]):
    """Of `config`, which `what` names, against `room`: None is the card here with what is free of it now."""

    BINDINGS = [*WHATIF]

    def __init__(self, config: RunConfig, what: str, room: Room | None = None) -> None:
        super().__init__()
        self._config, self._what, self._room = config, what, room
        self._wanted: RunConfig | None = config
        self._asked: RunConfig | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="whatif"):
            yield Prose(Text.assemble(("What if", "bold warn"), (f"   {self._what}: nothing is changed", "dim")))
            with Vertical(id="whatif-fields"):
                for key, words in FIELDS.items():
                    with Horizontal(classes="field"):
                        yield Prose(key.partition(".")[2], classes="field-name")
                        yield Input(str(self._value(key)), compact=True, classes="field-input", id=_id(key))
                        yield Prose(Text(words, "dim"), classes="field-note")
            yield Prose(id="whatif-line")
            yield PlanBar(id="whatif-bar")
            yield Prose(id="whatif-about")
        yield KeyBar()

    def on_mount(self) -> None:
        self._pause = self.set_timer(PAUSE_S, self._ask)
        self.query(Input).first().focus()
        self._say(Text("memory  planning…", "dim"))

    # ── what is asked ────────────────────────────────────────────────────────────────────────────────────────────

    def _value(self, key: str) -> int:
        section, _, name = key.partition(".")
        return cast("int", getattr(getattr(self._config, section), name))

    @on(Input.Changed)
    def _typed(self) -> None:
        typed = [f"{key}={self.query_one(f'#{_id(key)}', Input).value.strip()}" for key in FIELDS]
        try:
            self._wanted = override(self._config, typed)
        except ConfigError as error:
            self._wanted = None
            self._say(Text(one_line(str(error.faults[0]), 120), "bad"))
            return
        self._pause.stop()
        self._pause = self.set_timer(PAUSE_S, self._ask)

    def _ask(self) -> None:
        """Unless an answer is on its way: it asks again when it has come."""
        if self._wanted is None or self._asked is not None:
            return
        asked = self._asked = self._wanted
        self.query_one(PlanBar).waiting = True
        planner = cast("Pilothouse", self.app).planner

        def plan() -> None:
            self.app.call_from_thread(self._answered, asked, planner.look(asked, self._room))

        self.run_worker(plan, thread=True, name="plan", group="plan", exit_on_error=False)

    def _answered(self, asked: RunConfig, outlook: Outlook) -> None:
        self._asked = None
        if not self.is_attached:
            return
        if self._wanted == asked:
            self._show(outlook)
        else:
            self._ask()

    # ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────

    def _show(self, outlook: Outlook) -> None:
        self._say(outlook_line(outlook))
        bar = self.query_one(PlanBar)
        bar.waiting = False
        if outlook.plan is not None:
            bar.show(outlook.plan, outlook.room)
            self.query_one("#whatif-about", Prose).text = about(outlook.plan)

    def _say(self, words: Text) -> None:
        self.query_one("#whatif-line", Prose).text = words

    @on(Input.Submitted)
    def _next(self) -> None:
        self.focus_next(Input)

    def action_revert(self) -> None:
        for key in FIELDS:
            self.query_one(f"#{_id(key)}", Input).value = str(self._value(key))

    def action_back(self) -> None:
        self.dismiss()


def _id(key: str) -> str:
    return "whatif-" + key.partition(".")[2].replace("_", "-")
