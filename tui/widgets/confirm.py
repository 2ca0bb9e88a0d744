"""A question before something that cannot be taken back: what will happen, and `y`. Enter never decides."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from tui.widgets.panel import Words
from tui.widgets.prose import Prose

GRACE_S = 0.3
"""Keys are ignored for this long after opening: a key that was typed for the screen below must not answer."""


class Confirm(ModalScreen[bool]):
    """Returns True on `y` and False on any other key. `consequence` says what `y` does."""

    DEFAULT_CSS = """
    Confirm { align: center bottom; background: $background 40%; }
    Confirm > Prose { width: 100%; max-width: 120; height: auto; max-height: 80%; background: $panel; }
    """

    def __init__(
        self,
        question: str,
        consequence: Words = "",
        *,
        yes: str = "yes",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.question, self.consequence, self.yes = question, consequence, yes
        self._clock = clock
        self._opened = clock()

    def compose(self) -> ComposeResult:
        said = self.consequence if isinstance(self.consequence, Text) else Text(self.consequence)
        keys = Text.assemble(("y", "bold warn"), f" {self.yes}", ("     any other key: back, nothing happens", "dim"))
        body = Text("\n").join([said, Text(), keys] if said.plain else [keys])
        yield Prose(body, title=Text(self.question, "bold warn"))

    def on_mount(self) -> None:
        self._opened = self._clock()

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if self._clock() - self._opened >= GRACE_S:
            self.dismiss(event.character == "y")
