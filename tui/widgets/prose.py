"""Text in tones that wraps: verdicts, notes, help. As tall as it is long, framed where it has a title."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.reactive import reactive

from tui.widgets.panel import Panel, Row, Words


class Prose(Panel):
    DEFAULT_CSS = "Prose { height: auto; }"

    text: reactive[Words] = reactive[Words]("", repaint=False)

    def __init__(
        self,
        text: Words = "",
        *,
        title: Words = "",
        framed: bool | None = None,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        framed = bool(title) if framed is None else framed
        super().__init__(title, framed=framed, id=id, classes=classes)
        self.set_reactive(Prose.text, text)

    def paint(self, width: int, height: int) -> Sequence[Row]:  # noqa: ARG002
        text = self.text if isinstance(self.text, Text) else Text(self.text)
        return [self.runs(line) for line in text.wrap(self.app.console, max(width, 8), overflow="fold")]

    def watch_text(self) -> None:
        self.stale(resized=True)
