"""The memory of the card (or of the host, and then it says so): how much is used, by whom, and how much is left.

Under it what is to come: the longest batch still ahead, what slows the card, the machine's other cards a row each, and
what was used over time beside what was planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.reactive import reactive

from engine.records import Forecast, Memory, Plan, Pulse
from tui.plot.view import settle
from tui.widgets.panel import Panel, Row
from tui.widgets.words import GIB, gib, percent

if TYPE_CHECKING:  # brings numpy, which the first frame must not wait for
    from tui.plot.series import Series

TIGHT = 0.05
"""Share of the card left free below which headroom is shown as running out."""
CHART_ROWS = 4
"""Fewer rows say nothing about a curve."""


class MemoryPanel(Panel):
    """`memory` is the newest reading; `set_history` gives used bytes over time for the chart below it."""

    memory: reactive[Memory | None] = reactive[Memory | None](None, repaint=False)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__("memory", id=id, classes=classes)
        self.history: Series | None = None
        self.cards: tuple[Memory, ...] = ()
        self.forecast: Forecast | None = None
        self.plan: Plan | None = None

    def show(self, pulse: Pulse) -> None:
        """Everything that a heartbeat says of memory."""
        self.cards, self.forecast, self.memory = pulse.cards, pulse.forecast, pulse.memory
        self.stale()

    def set_plan(self, plan: Plan) -> None:
        """What the run was planned to need: a line in the history."""
        self.plan = plan
        self.stale()

    def set_history(self, x: Sequence[float], used: Sequence[float]) -> None:
        """Bytes used at each x (steps or seconds, rising); NaN where the card did not say."""
        from tui.plot.series import Series

        values = [value / GIB for value in used]
        self.history = Series.of(x, values, values, values, 0.0)
        self.stale()

    def watch_memory(self, memory: Memory | None) -> None:
        self.title, self.note = _title(memory), _card(memory)
        self.stale()

    def paint(self, width: int, height: int) -> Sequence[Row]:
        if self.memory is None:
            return [[("no reading yet", "dim")]]
        rows = [
            self._bar(self.memory, width),
            *(self.runs(line) for line in _lines(self.memory, self.forecast, width, self.glyphs.degree.strip())),
            *self._others(width),
        ]
        room = height - len(rows) - 1
        if room < CHART_ROWS or height > 900 or self.history is None or not self.history.extent:
            return rows[:height] if height >= 3 else [self.runs(_short(self.memory)), *rows[:1]][:height]
        return [*rows, [], *self._chart(self.history, self.memory, width, room)]

    def _bar(self, memory: Memory, width: int) -> Row:
        """Torch's reserved memory, what else is used, and what is free, in proportion."""
        if not memory.total or memory.used is None:
            return [(self.glyphs.light * width, "frame")]
        ours = min(memory.reserved or memory.allocated or 0, memory.used)
        filled = min(round(width * memory.used / memory.total), width)
        own = min(round(width * ours / memory.total), filled) if ours else 0
        return [
            (self.glyphs.full * own, "run"),
            ((self.glyphs.shade if ours else self.glyphs.full) * (filled - own), "run" if not ours else "dim"),
            (self.glyphs.light * (width - filled), "frame"),
        ]

    def _others(self, width: int) -> list[Row]:
        """The machine's other cards: a name, a bar and the numbers, in columns."""
        figures = [f"{gib(card.used, unit=False)}/{gib(card.total, unit=False)}" for card in self.cards]
        wide, bar = max(map(len, figures), default=0), max(4, width // 5)
        rows: list[Row] = []
        for card, said in zip(self.cards, figures, strict=True):
            mark = "sim" if card.simulated else card.throttle[0].split()[0] if card.throttle else ""
            mark = f" {mark}" if mark else ""
            name = Text(card.name.removeprefix("NVIDIA ").removeprefix("GeForce "), "dim")
            name.truncate(max(width - bar - wide - len(mark) - 2, 1), overflow="ellipsis", pad=True)
            rows.append([*self.runs(name), (mark, "warn"), (" ", ""), *self._bar(card, bar), (f" {said:>{wide}}", "")])
        return rows

    def _chart(self, history: Series, memory: Memory, width: int, height: int) -> Sequence[Row]:
        """Under the plan's line where there is a plan, with the card's size for a top; else under the card's size."""
        from tui.plot.figure import Figure

        total = None if memory.total is None else memory.total / GIB
        plan = self.plan.capacity / GIB if self.plan and memory.source == "gpu" else None
        line, label = (plan, "plan") if plan is not None else (total, "total")
        figure = Figure(
            history,
            settle(history.extent or (0.0, 1.0)),
            limit=line,
            limit_label="" if line is None else f"{label} {line:.1f}",
            bounds=(0.0, None if plan is None else total),
            margin=4,
            x_labels=False,
            glyphs=self.glyphs,
        )
        return figure.draw(width, height)


def _title(memory: Memory | None) -> Text:
    if memory is None:
        return Text("memory", "dim")
    title = Text("GPU memory" if memory.source == "gpu" else "host memory", "dim")
    if memory.source == "host":
        title.append(" · no NVIDIA card", "dim")
    if memory.simulated:
        title.append(" · SIMULATED", "bold warn")
    return title


def _card(memory: Memory | None) -> Text:
    return Text("" if memory is None else memory.name)


def _short(memory: Memory) -> Text:
    return Text.assemble((gib(memory.used), "bold"), (f" of {gib(memory.total, unit=False)} used", "dim"))


def _lines(memory: Memory, forecast: Forecast | None, width: int, degree: str) -> list[Text]:
    """Label, value and a second pair, in columns that stay put while the numbers change."""
    lines = [_used(memory), _headroom(memory)]
    if memory.source == "gpu":
        lines += _torch(memory, width)
        lines += _ahead(memory, forecast, width) if forecast else []
        lines.append(_vitals(memory, degree))
        if memory.throttle:
            lines.append(Text.assemble(("slowed   ", "dim"), (", ".join(memory.throttle), "warn")))
    if memory.doubt:
        lines.append(Text(memory.doubt, "dim"))
    return lines


def _used(memory: Memory) -> Text:
    return Text.assemble(
        ("used     ", "dim"), f"{gib(memory.used):>9}", (f"  of {gib(memory.total, unit=False)}", "dim")
    )


def _headroom(memory: Memory) -> Text:
    free, total = memory.headroom, memory.total
    tight = free is not None and bool(total) and free < TIGHT * (total or 1)
    text = Text.assemble(("headroom ", "dim"), (f"{gib(free):>9}", "bold warn" if tight else "bold"))
    if tight:
        text.append("  tight", "warn")
    return text


def _torch(memory: Memory, width: int) -> list[Text]:
    pairs = [
        ("reserved", memory.reserved),
        ("allocated", memory.allocated),
        ("peak", memory.peak),
        ("others", memory.others),
    ]
    cells = [Text.assemble((f"{name:<9}", "dim"), f"{gib(size):>9}") for name, size in pairs]
    if width < 40:
        return cells
    return [Text.assemble(cells[0], "   ", cells[2]), Text.assemble(cells[1], "   ", cells[3])]


def _ahead(memory: Memory, forecast: Forecast, width: int) -> list[Text]:
    """The peak once the longest batch has come, as far as it is known."""
    low, high = gib(forecast.low, unit=False), gib(forecast.high)
    if forecast.certain:
        return [Text.assemble(("longest  ", "dim"), f"{high:>9}", ("  seen", "dim"))]
    limit = None if memory.peak is None or memory.room is None else memory.peak + memory.room
    over = limit is not None and forecast.high > limit
    span = high if low == high.split()[0] else f"{low}–{high}"
    text = Text.assemble(("longest  ", "dim"), (f"{span:>9}", "bold warn" if over else ""))
    text.append("  to come", "warn" if over else "dim")
    if over and len(text) + 13 <= width:
        text.append(", may not fit", "warn")
    return [text]


def _vitals(memory: Memory, degree: str) -> Text:
    """Load, heat and power; each says n/a where the card does not."""
    heat = "n/a" if memory.temperature is None else f"{memory.temperature:.0f} {degree}C"
    power = "n/a" if memory.power is None else f"{memory.power:.0f} W"
    if memory.power is not None and memory.power_limit is not None:
        power = f"{memory.power:.0f}/{memory.power_limit:.0f} W"
    named = "power " if memory.power is None else ""  # watts need no name
    parts = (("load ", percent(memory.utilisation)), ("heat ", heat), (named, power))
    text = Text()
    for label, value in parts:
        text.append("  " if text else "")
        text.append(label, "dim").append(value)
    return text
