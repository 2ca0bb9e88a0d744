"""What the keys of the screen below do, and nothing else."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen, Screen

from tui.screens.keybar import bindings_of
from tui.widgets import Prose


class Help(ModalScreen[None]):
    """Any key closes it."""

    def __init__(self, below: Screen[object]) -> None:
        super().__init__()
        self._below = below

    def compose(self) -> ComposeResult:
        groups: dict[str, tuple[list[str], Text]] = {}
        for key, binding, enabled in bindings_of(self._below):
            keys, _ = groups.setdefault(binding.action.partition("(")[0], ([], _words(binding.description, enabled)))
            keys.append(key)
        rows = [(_span(keys), words) for keys, words in groups.values()]
        rows.append(("ctrl+p", Text("every action by name")))
        wide = max(len(key) for key, _ in rows)
        lines = [Text.assemble((f"{key:>{wide}}", "bold warn"), "   ", words) for key, words in rows]
        panel = Prose(Text("\n").join(lines), title="keys")
        panel.note = Text("any key closes this", "dim")
        yield panel

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss()


def _span(keys: list[str]) -> str:
    """Keys of one action: `+ -`, and `1 … 7` for a row of them."""
    return " ".join(keys) if len(keys) < 3 else f"{keys[0]} … {keys[-1]}"


def _words(description: str, enabled: bool) -> Text:
    return Text(description) if enabled else Text(f"{description} (not now)", "dim")
