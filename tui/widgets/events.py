"""The run's story, newest at the bottom: a time, and text that wraps under itself."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from rich.text import Text

from engine.records import Event
from tui.widgets.panel import Row, Words
from tui.widgets.scrolling import ScrollPanel

TONES = {"good": "good", "warn": "warn", "error": "bad"}
SIGNS = {"good": "+ ", "warn": "! ", "error": "x "}
"""What colour says, said again for those who do not see it; `info` needs neither."""


def clock(t: float) -> str:
    """Unix seconds as local hours and minutes."""
    return time.strftime("%H:%M", time.localtime(t))


class EventLog(ScrollPanel):
    """Keeps the last `keep` events. It follows the newest one until scrolled back, and again from the end."""

    def __init__(
        self,
        title: Words = "events",
        *,
        keep: int = 500,
        when: Callable[[float], str] = clock,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(title, id=id, classes=classes)
        self._events: deque[Event] = deque(maxlen=keep)
        self._when = when
        self._wrapped: tuple[int, list[Row]] = (0, [])
        self.following = True

    def extend(self, events: Iterable[Event]) -> None:
        """More events, oldest first."""
        self._events.extend(events)
        self._forget()

    def clear(self) -> None:
        self._events.clear()
        self._forget()

    def _forget(self) -> None:
        self._wrapped = (0, [])
        self.stale(resized=True)

    def all_rows(self, width: int) -> Sequence[Row]:
        if not self._events:
            return [[("nothing yet", "dim")]]
        if self._wrapped[0] != width:
            self._wrapped = (width, [row for event in self._events for row in self._rows(event, width)])
        return self._wrapped[1]

    def paint(self, width: int, height: int) -> Sequence[Row]:
        if self.following:
            self.set_reactive(EventLog.offset_rows, max(len(self.all_rows(width)) - height, 0))
        return super().paint(width, height)

    def action_scroll_by(self, rows: int) -> None:
        super().action_scroll_by(rows)
        self.following = self.offset_rows >= self.furthest

    def _rows(self, event: Event, width: int) -> list[Row]:
        when = f"{self._when(event.t)} "
        tone = TONES.get(event.level, "")
        text = Text(SIGNS.get(event.level, "") + event.text, tone)
        lines = text.wrap(self.app.console, max(width - len(when), 8))
        return [
            [(when if index == 0 else " " * len(when), "dim"), *self.runs(line)] for index, line in enumerate(lines)
        ]

    def notify_style_update(self) -> None:
        self._wrapped = (0, [])
        super().notify_style_update()
