"""The last question before a decision is sent: what will run next, an optional reason, and `y`. Enter never decides."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.presenters.choices import Choice, consequence, title
from tui.widgets import Prose
from tui.widgets.confirm import GRACE_S


class Decide(ModalScreen[str | None]):
    """Dismisses with the reason given, which may be empty, on `y`; with None on any other key but `w`."""

    def __init__(self, choice: Choice, clock: Callable[[], float]) -> None:
        super().__init__()
        self.choice = choice
        self._clock = clock
        self._opened = clock()

    def compose(self) -> ComposeResult:
        with Vertical(id="prompt"):
            yield Prose(Text(f"{title(self.choice)}?", "bold warn"), id="prompt-title")
            yield Prose(Text("\n".join(consequence(self.choice))), id="prompt-about")
            yield Input(placeholder="why, for the record (optional)", id="prompt-input", disabled=True)
            yield Prose(id="prompt-fault")

    def on_mount(self) -> None:
        self._opened = self._clock()
        self._say()

    def on_key(self, event: events.Key) -> None:
        reason = self.query_one(Input)
        if reason.has_focus:
            if event.key == "escape":
                self._writing(False)
                event.stop()
            return
        event.stop()
        event.prevent_default()
        if self._clock() - self._opened < GRACE_S:
            return
        if event.character == "w":
            self._writing(True)
        else:
            self.dismiss(reason.value.strip() if event.character == "y" else None)

    @on(Input.Submitted)
    def _written(self) -> None:
        self._writing(False)

    def _writing(self, on: bool) -> None:
        reason = self.query_one(Input)
        reason.disabled = not on
        reason.display = on or bool(reason.value)
        if on:
            reason.focus()
        else:
            self.set_focus(None)
        self._say()

    def _say(self) -> None:
        if self.query_one(Input).disabled:
            keys = (("y", "bold warn"), " do it    ", ("w", "bold warn"), " say why first    ")
            line = Text.assemble(*keys, ("any other key: back, nothing happens", "dim"))
        else:
            line = Text.assemble(
                ("enter", "bold warn"), " keeps the reason and asks again", ("    esc", "bold warn"), " too"
            )
        self.query_one("#prompt-fault", Prose).text = line
