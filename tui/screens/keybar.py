"""The last row: the keys of the screen one is on, and no other's; what does not fit is in the help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.actions import parse
from textual.binding import Binding

from tui.widgets import Panel
from tui.widgets.panel import Row

if TYPE_CHECKING:
    from textual.screen import Screen

    from tui.app import Pilothouse


def bindings_of(screen: Screen[object]) -> Iterator[tuple[str, Binding, bool]]:
    """Display name, binding and whether it is enabled, of the screen's own keys in the order of `tui.keys`.

    Keys that make no sense now (`check_action` False) are left out.
    """
    for binding in screen.BINDINGS:
        if isinstance(binding, Binding) and binding.id:
            _, name, parameters = parse(binding.action)
            state = screen.check_action(name, parameters)
            if state is not False:
                yield cast("Pilothouse", screen.app).key_of(binding.id), binding, bool(state)


class KeyBar(Panel):
    """One row, or up to `rows` where the screen's keys matter more than a row of it."""

    DEFAULT_CSS = "KeyBar { height: auto; padding: 0 1; background: $panel; dock: bottom; }"

    def __init__(self, rows: int = 1) -> None:
        super().__init__(framed=False)
        self._rows = rows
        self._keys: list[tuple[str, str, bool]] = []

    def on_mount(self) -> None:
        super().on_mount()
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._follow())

    def _follow(self) -> None:
        """Screens ask whether their keys still make sense at every heartbeat; the answer is mostly the same."""
        keys = [(key, binding.description, on) for key, binding, on in bindings_of(self.screen) if binding.show]
        if keys != self._keys:
            self._keys = keys
            self.stale(resized=True)

    def lines_wanted(self, width: int) -> int:
        return len(self._lines(width))

    def paint(self, width: int, height: int) -> list[Row]:
        return [self.runs(line) for line in self._lines(width)[:height]]

    def _lines(self, width: int) -> list[Text]:
        lines = [Text()]
        for key, binding, enabled in bindings_of(self.screen):
            if not binding.show:
                continue
            part = Text.assemble(
                (key, "bold warn" if enabled else "faint"), (f" {binding.description}", "" if enabled else "faint")
            )
            if lines[-1] and len(lines[-1]) + len(part) + 2 > width:
                if len(lines) == self._rows:
                    break
                lines.append(Text())
            lines[-1].append("  " if lines[-1] else "").append_text(part)
        return lines
