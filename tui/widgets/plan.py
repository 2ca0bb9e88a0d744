"""A plan as a bar: its parts in proportion to the card, with what is left of it, and a legend under it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.reactive import reactive

from engine.memory.planning.room import Room
from engine.records import Plan
from tui.presenters.memory import FIT_TONES, parts
from tui.widgets.panel import Panel, Row
from tui.widgets.words import gib

_NAME, _SIZE = 26, 10


class PlanBar(Panel):
    """`waiting` dims what stands while another answer is computed."""

    DEFAULT_CSS = "PlanBar { height: auto; }"

    waiting: reactive[bool] = reactive(False, repaint=False)

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(framed=False, id=id)
        self._plan: Plan | None = None
        self._room: Room | None = None

    def show(self, plan: Plan, room: Room | None) -> None:
        self._plan, self._room = plan, room
        self.stale(resized=True)

    def watch_waiting(self) -> None:
        self.stale()

    def paint(self, width: int, height: int) -> Sequence[Row]:
        if self._plan is None:
            return [[(self.glyphs.light * width, "frame")]]
        return [self._bar(self._plan, width), [], *self._legend(self._plan, width)][:height]

    def _bar(self, plan: Plan, width: int) -> Row:
        """Full where the run is, in the colour of whether it fits; what is over the card's end is marked."""
        limit = self._room.limit if self._room else plan.capacity
        scale = width / max(limit, plan.capacity)
        inside = round(min(plan.capacity, limit) * scale)
        filled = round(plan.capacity * scale)
        tone = FIT_TONES[self._room.holds(plan.capacity)] if self._room else "run"
        return [
            (self.glyphs.full * inside, "dim" if self.waiting else tone),
            (self.glyphs.shade * (filled - inside), "dim" if self.waiting else "bad"),
            (self.glyphs.light * (width - filled), "frame"),
        ]

    def _legend(self, plan: Plan, width: int) -> list[Row]:
        """Each part with its size and its share, in as many columns as there is room for."""
        cells = [
            Text.assemble(
                (f"{name[: _NAME - 1]:<{_NAME}}", "dim"), (f"{gib(size):>{_SIZE}}", "dim" if self.waiting else "")
            )
            for name, size in parts(plan)
        ]
        columns = 2 if width >= 2 * (_NAME + _SIZE) + 4 else 1
        rows = -(-len(cells) // columns)
        lines = [Text("    ").join(cells[row::rows]) for row in range(rows)]
        return [self.runs(line) for line in lines]
