"""Why the rules say what they say, in full: reasons, what would have changed them, each proposed change in words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult

from tui.keys import WHY
from tui.screens.keybar import KeyBar
from tui.screens.steering import Steering
from tui.session import Session
from tui.widgets.panel import Row, Words
from tui.widgets.scrolling import ScrollPanel


class Page(ScrollPanel):
    """Text in tones that wraps and scrolls; nothing of it is ever cut."""

    def __init__(self, text: Text, title: Words = "", *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(title, id=id)
        self.text = text

    def all_rows(self, width: int) -> Sequence[Row]:
        return [self.runs(line) for line in self.text.wrap(self.app.console, max(width, 8), overflow="fold")]


class WhyScreen(Steering):
    BINDINGS = [*WHY]

    def __init__(self, session: Session, text: Text) -> None:
        super().__init__(session)
        self._text = text

    def compose(self) -> ComposeResult:
        yield Page(self._text, "why", id="why")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(Page).focus()

    def action_back(self) -> None:
        self.dismiss()
