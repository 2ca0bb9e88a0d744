"""One line asked for, checked as it is typed. Enter takes it only when nothing is wrong with it."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.widgets import Prose, Words

Check = Callable[[str], str]
"""What is wrong with a text, in words; empty when it will do."""


class Prompt(ModalScreen[str | None]):
    """Dismisses with the text, or None on escape."""

    BINDINGS = [("escape", "cancel", "back")]

    def __init__(self, title: str, about: Words = "", *, value: str = "", check: Check = lambda _: "") -> None:
        super().__init__()
        self._title, self._about, self._value, self._check = title, about, value, check

    def compose(self) -> ComposeResult:
        with Vertical(id="prompt"):
            yield Prose(Text(self._title, "bold warn"), id="prompt-title")
            yield Prose(self._about, id="prompt-about")
            yield from self.between()
            yield Input(self._value, id="prompt-input")
            yield Prose(id="prompt-fault")

    def between(self) -> ComposeResult:
        """What a kind of prompt shows above its line."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._judge(self._value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._judge(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if not self._check(event.value):
            self.take(event.value)

    def take(self, value: str) -> None:
        """Enter on a text that will do."""
        self.dismiss(value)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _judge(self, value: str) -> None:
        fault = self._check(value)
        keys = Text.assemble(("enter", "bold warn"), " takes it   ", ("esc", "bold warn"), " back, nothing happens")
        self.query_one("#prompt-fault", Prose).text = Text(fault, "bad") if fault else keys
