"""A plan in the screens' words: a verdict before a start, the gate's memory row, the what-if bar."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from engine.memory.planning.room import Room
from engine.memory.planning.words import PARTS, peak_line, smallest_line, verdict
from engine.records import Memory, Plan
from engine.records.planning import PARTS as ORDER
from tui.planner import Outlook
from tui.presenters.cell import Cell, Tone
from tui.widgets.words import gib

FIT_TONES: Mapping[str, Tone] = {"fits": "good", "tight": "warn", "over": "bad", "unknown": "dim"}


def outlook_line(outlook: Outlook) -> Text:
    """`memory  6.5 of 12.0 GiB  fits the RTX 4070, 5.5 GiB to spare`; why there is no plan where there is none."""
    if outlook.plan is None:
        return Text(f"memory  not planned: {outlook.why}" if outlook.why else "memory  not planned", "dim")
    text = Text.assemble(("memory  ", "dim"), (gib(outlook.plan.capacity), "bold"))
    if outlook.room is None:
        return text.append("  no card here to hold it against", "dim")
    text.append(f" of {gib(outlook.room.limit)}  ", "dim")
    return text.append(verdict(outlook.plan, outlook.room), FIT_TONES[outlook.fit])


def room_in_run(memory: Memory | None) -> Room | None:
    """What the run itself may have of its card: all that other processes do not hold."""
    if memory is None or memory.source != "gpu" or not memory.total:
        return None
    return Room(memory.name, memory.total, memory.total - (memory.others or 0))


def memory_row(before: Plan, after: Plan, room: Room | None) -> tuple[Cell, ...]:
    """The gate's row, in the columns of a proposal: `memory  6.5 GiB  7.1 GiB  of 12.0 GiB: fits`."""
    same = gib(before.capacity) == gib(after.capacity)
    fit = "unknown" if room is None else room.holds(after.capacity)
    words = {"fits": "fits", "tight": "tight", "over": "will not fit", "unknown": ""}[fit]
    said = f"of {gib(room.limit)}: {words}" if room else f"{after.peak.stage} peaks"
    tone = FIT_TONES[fit] if fit in {"tight", "over"} else "dim" if same else "run"
    return (
        Cell("memory"),
        Cell(gib(before.capacity)),
        Cell("unchanged" if same else gib(after.capacity), tone),
        Cell(said, "dim" if tone in {"dim", "run"} else tone),
    )


def parts(plan: Plan) -> list[tuple[str, int]]:
    """What the deciding peak is made of, the cards' own share last: (words, bytes), nothing that is empty."""
    held = [(PARTS[name], plan.peak.parts.get(name, 0)) for name in ORDER]
    lost = plan.peak.capacity - sum(size for _, size in held)
    rest = [("kept between blocks", lost), ("CUDA and its libraries", plan.context + plan.workspaces)]
    return [(name, size) for name, size in (*held, *rest) if size > 0]


def about(plan: Plan) -> Text:
    """Which stage peaks and where, and the card that would do."""
    return Text.assemble((peak_line(plan), ""), "\n", ("smallest card  ", "dim"), smallest_line(plan))
