"""A plan as lines for a terminal: what it needs against the card, peak by part, stages, options, limits. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from engine.config import RunConfig
from engine.memory.planning.answer import Answer
from engine.memory.planning.inverse import Limits
from engine.memory.planning.options import Saving
from engine.memory.planning.room import Room
from engine.memory.planning.words import PARTS, STAGES, peak_line, place, size, smallest_line, verdict
from engine.records import GIB, Plan

_NAME, _FULL, _NARROW = 26, "█", " ▏▎▍▌▋▊▉"


def heading(source: str, config: RunConfig) -> Iterator[str]:
    """`qwen.yaml: Qwen/Qwen2.5-7B-Instruct, nf4, LoRA 16` and `dpo on 2 × 8 pairs of 1024 tokens`."""
    model, training = config.model, config.training
    precision = "" if model.quantization == "none" else f", {model.quantization}"
    yield f"{source}: {model.name}{precision}, LoRA {model.lora_r}"
    pairs = f"{training.batch_size} × {training.accumulation} pairs of {training.max_length} tokens"
    yield f"{config.recipe} on {pairs}"


def summary(answer: Answer, width: int, ascii_only: bool = False) -> Iterator[str]:
    """The answer itself: what it needs, whether that fits, and what it is made of."""
    plan, room = answer.plan, answer.rooms.room
    yield f"  needs a card of {size(plan.capacity)}"
    if room:
        yield f"  {verdict(plan, room)}"
        yield f"  {gauge(plan, room, width - 4, ascii_only)}"
    yield ""
    yield f"  {_row(peak_line(plan), 'GiB', width)}"
    yield from (f"  {line}" for line in _parts(plan, width, ascii_only))
    yield ""
    yield from _stages(plan, width)
    yield f"  smallest card   {smallest_line(plan)}"
    yield from _here(answer)
    if answer.residual:
        yield f"  measured        {answer.residual.words}"
        yield f"                  by their median torch will report {size(answer.residual.corrected(plan.allocated))}"
    yield from (f"  note            {note}" for note in (room.notes if room else ()))
    yield from (f"  assumed         {words}" for words in plan.assumed)


def gauge(plan: Plan, room: Room, width: int, ascii_only: bool = False) -> str:
    """One bar of the card: what is needed, what stays free of it, and where it runs over."""
    label = f"  {plan.capacity / GIB:.2f} of {room.limit / GIB:.2f} GiB"
    cells = max(width - len(label), 10)
    whole = max(plan.capacity, room.limit)
    needed = max(round(cells * min(plan.capacity, room.limit) / whole), 1)
    over = round(cells * max(plan.capacity - room.limit, 0) / whole)
    full, free, excess = ("#", ".", "!") if ascii_only else ("█", "░", "▒")
    return full * needed + excess * over + free * (cells - needed - over) + label


def bar(share: float, cells: int, ascii_only: bool = False) -> str:
    """A bar of `share` × `cells`, to an eighth of a cell; never nothing for something."""
    if ascii_only:
        return "#" * max(round(share * cells), 1 if share else 0)
    eighths = max(round(share * cells * 8), 1 if share else 0)
    return _FULL * (eighths // 8) + _NARROW[eighths % 8].strip()


def _parts(plan: Plan, width: int, ascii_only: bool) -> Iterator[str]:
    """The peak by part, and from what torch holds to what the card must have."""
    peak, total = plan.peak, max(plan.capacity, 1)
    cells = width - _NAME - 13
    for name, held in ((words, peak.parts[part]) for part, words in PARTS.items() if peak.parts.get(part)):
        yield _row(f"  {name:{_NAME}}{bar(held / total, cells, ascii_only)}", f"{held / GIB:.2f}", width)
    yield _row("  allocated", f"{peak.allocated / GIB:.2f}", width)
    rest = {"the allocator's gaps": peak.capacity - peak.allocated, "CUDA context": plan.context}
    rest |= {"workspaces of cuBLAS": plan.workspaces}
    for name, held in rest.items():
        yield _row(f"  {name:{_NAME}}{bar(held / total, cells, ascii_only)}", f"{held / GIB:.2f}", width)
    yield _row("  the card must have", f"{plan.capacity / GIB:.2f}", width)


def _row(text: str, number: str, width: int) -> str:
    return f"{text:{width - 10}}{number:>6}"


def _stages(plan: Plan, width: int) -> Iterator[str]:
    if len(plan.stages) < 2:
        return
    yield f"  {'stages':{_NAME + 2}}{'allocated':>10}{'capacity':>10}   where it peaks"
    for stage in plan.stages:
        name = STAGES.get(stage.stage, stage.stage)
        line = f"    {name:{_NAME}}{stage.allocated / GIB:10.2f}{stage.capacity / GIB:10.2f}   {stage.at}"
        yield line if len(line) <= width else line[: width - 1] + "…"
    yield ""


def _here(answer: Answer) -> Iterator[str]:
    here, asked = answer.rooms.here, answer.rooms.asked
    if here is None:
        yield f"  this machine    {answer.rooms.nothing_here}"
        return
    free = "" if here.free is None else f", {size(here.free)} free now"
    line = f"{here.name}, {size(here.total)}{free}"
    yield f"  this machine    {line}" + (f": {verdict(answer.plan, here)}" if asked else "")


def savings(ranked: tuple[Saving, ...], room: Room | None, plan: Plan, width: int) -> Iterator[str]:
    """What would change it: GiB saved, the change, its cost, and the line for the config."""
    if not ranked:
        yield "  Nothing that can be set would save more."
        return
    over = room is not None and room.holds(plan.capacity) == "over"
    yield "  what would change it" + (", * by itself enough" if over else "")
    for saving in ranked:
        option = saving.option
        enough = "*" if over and room and saving.plan.capacity <= room.limit else " "
        told = f"{option.name}: {option.cost}" + ("" if option.keeps else "; this changes what is learned")
        yield f"  {enough} {f'−{saving.saved / GIB:.2f}':>6} GiB  {option.yaml}"
        yield from (f"                {line}" for line in wrap(told, width - 16))


def limits(found: Limits, room: Room) -> Iterator[str]:
    """How far length, batch and model could go on the card."""
    where = place(room)
    yield f"  all else as it is, {where} holds"
    yield f"    sequences of   {_most(found.max_length, 'tokens', 'max_length' in found.capped)}"
    yield f"    batches of     {_most(found.batch_size, 'pairs', 'batch_size' in found.capped)}"
    if found.family:
        yield f"    of {found.family + ',':12}{found.model or 'none'}"


def _most(number: int | None, unit: str, capped: bool) -> str:
    if number is None:
        return "no size"
    counted = f"{number} {unit if number > 1 else unit.removesuffix('s')}"
    return f"{counted} and more" if capped else f"up to {counted}"


def footer(plan: Plan) -> str:
    """How the answer was found."""
    if plan.extrapolated:
        return f"  From two and four layers, in {plan.seconds:.1f} s. --exact simulates every one."
    return f"  Every layer simulated, in {plan.seconds:.1f} s."
