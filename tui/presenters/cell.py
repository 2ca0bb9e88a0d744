"""One piece of text with its meaning; the theme gives each meaning its colour, the same everywhere."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rich.text import Text

Tone = Literal["", "bold", "dim", "good", "bad", "warn", "run", "bold good", "bold bad", "bold warn"]
"""`good` better, `bad` worse, `warn` attention, `run` in progress, `dim` context, `bold` this one (see tui.theme)."""


class Cell(NamedTuple):
    text: str
    tone: Tone = ""

    def as_text(self) -> Text:
        return Text(self.text, self.tone, no_wrap=True)


MISSING = Cell("·", "dim")
