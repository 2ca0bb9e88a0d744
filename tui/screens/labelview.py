"""A pair to read: the turns of its prompt, and two answers side by side or one under the other; long ones scroll."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.text import Text

from tui.widgets.panel import Row, Words
from tui.widgets.scrolling import ScrollPanel
from tui.widgets.strips import fitted

WIDE = 48
"""Cells that each answer needs to stand beside the other."""
LEAST = 30
"""Cells with which it still can, where one under the other would leave no room for the second."""
GAP = 3

Titled = tuple[Text, str]
"""A heading in tones, and the text below it."""


class PairView(ScrollPanel):
    def __init__(self, title: Words = "", *, empty: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(title, id=id)
        self._empty = empty
        self._lead, self._turns, self._answers = Text(), tuple[tuple[str, str], ...](), tuple[Titled, ...]()
        self._laid: tuple[tuple[int, int], Sequence[Row]] = ((0, 0), [])

    def show(
        self, turns: Sequence[tuple[str, str]] = (), answers: Sequence[Titled] = (), lead: Text | None = None
    ) -> None:
        """Another pair, from its first line: a dim lead, the prompt as (role, text), then the answers."""
        self._lead, self._turns, self._answers = lead or Text(), tuple(turns), tuple(answers)
        self._laid = ((0, 0), [])
        self.offset_rows = 0
        self.stale(resized=True)

    def say(self, words: str) -> None:
        """No pair; why."""
        self._empty = words
        self.show()

    def all_rows(self, width: int) -> Sequence[Row]:
        size = (width, self.inner.height)
        if self._laid[0] != size:
            self._laid = (size, self._lay_out(*size))
        return self._laid[1]

    def notify_style_update(self) -> None:
        self._laid = ((0, 0), [])
        super().notify_style_update()

    def _lay_out(self, width: int, height: int) -> list[Row]:
        parts = [self._wrap(self._lead, width)] if self._lead else []
        parts += [self._prompt(width)] if self._turns else []
        if self._answers:
            room = height - sum(map(len, parts)) - len(parts)
            parts.append(self._both(width, room))
        if not parts:
            return self._wrap(Text(self._empty, "dim"), width)
        return [row for part in parts for row in ([], *part)][1:]

    def _prompt(self, width: int) -> list[Row]:
        rows: list[Row] = []
        for role, text in self._turns:
            if role:
                rows.append([(role, "run" if role == "user" else "dim")])
            indent = "  " if role else ""
            rows += [[(indent, ""), *line] for line in self._wrap(Text(text), width - len(indent))]
        return rows

    def _both(self, width: int, room: int) -> list[Row]:
        each = (width - GAP) // 2
        if each >= WIDE:
            return self._beside(each)
        stacked = [row for heading, text in self._answers for row in ([], *self._one(heading, text, width))][1:]
        return self._beside(each) if len(stacked) > room and each >= LEAST else stacked

    def _beside(self, each: int) -> list[Row]:
        columns = [self._one(heading, text, each) for heading, text in self._answers]
        rule = (f" {self.glyphs.axis} ", "frame")
        return [
            [*fitted(left or [], each), rule, *(right or [])] for left, right in zip_longest(*columns, fillvalue=None)
        ]

    def _one(self, heading: Text, text: str, width: int) -> list[Row]:
        return [self.runs(heading), *self._wrap(Text(text), width)]

    def _wrap(self, text: Text, width: int) -> list[Row]:
        lines = text.wrap(self.app.console, max(width, 8), overflow="fold") or [Text()]
        return [self.runs(line) for line in lines]
