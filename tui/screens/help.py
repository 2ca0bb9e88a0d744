"""What the keys of the screen below do, and nothing else."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen, Screen

from tui.screens.keybar import bindings_of
from tui.widgets import Prose

ALWAYS = (
    ("tab", "next panel, shift+tab back; arrows scroll the one in focus"),
    ("ctrl+p", "palette: every action by name"),
)


class Help(ModalScreen[None]):
    """Any key closes it."""

    def __init__(self, below: Screen[object], title: str) -> None:
        super().__init__()
        self._below, self._title = below, title

    def compose(self) -> ComposeResult:
        rows = [(key, _words(binding.description, enabled)) for key, binding, enabled in bindings_of(self._below)]
        rows += [(key, Text(words, "dim")) for key, words in ALWAYS]
        wide = max(len(key) for key, _ in rows)
        lines = [Text.assemble((f"{key:>{wide}}", "bold warn"), "   ", words) for key, words in rows]
        yield Prose(Text("\n").join([*lines, Text(), Text("any key closes this", "dim")]), title=self._title)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss()


def _words(description: str, enabled: bool) -> Text:
    return Text(description) if enabled else Text(f"{description} (not now)", "dim")
