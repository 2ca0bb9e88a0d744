"""What each setting would save, by simulation, and in which order to say so.

An option is a change of the config and nothing else, so its saving is the difference of two plans and never a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engine.config import RunConfig
from engine.memory.planning.knobs import Option, options
from engine.memory.planning.pool import side_by_side
from engine.memory.planning.room import Room
from engine.records import Plan

Simulate = Callable[[RunConfig], Plan]
Tell = Callable[[str], object]
WORTH = 16 * 2**20
"""Bytes: what saves less is not worth a line."""


@dataclass(frozen=True, slots=True)
class Saving:
    """An option with the plan of the config that it makes; `saved` bytes of the card that it takes less."""

    option: Option
    plan: Plan
    saved: int


def measure(
    config: RunConfig,
    base: Plan,
    simulate: Simulate,
    limit: int | None = None,
    among: Iterable[Option] | None = None,
    tell: Tell | None = None,
    at_once: int = 1,
) -> list[Saving]:
    """What each option saves of `base`, alone: a simulation each, where it is not known yet, `at_once` side by side.

    Only those are asked that may help the stage that peaks, or any stage that is over `limit`.
    """
    outside = base.context + base.workspaces
    over = {stage.stage for stage in base.stages if limit is not None and stage.capacity + outside > limit}
    stages = over | {base.peak.stage}
    every = options(config) if among is None else among
    found = [option for option in every if any(option.helps(stage) for stage in stages)]
    plans = side_by_side(lambda option: simulate(option.apply(config)), found, at_once)
    savings = []
    for number, option in enumerate(found, 1):
        if tell:
            tell(f"option {number}/{len(found)}: {option.name}")
        plan = next(plans)
        savings.append(Saving(option, plan, base.capacity - plan.capacity))
    return savings


def ranked(savings: Iterable[Saving], room: Room | None, base: Plan) -> list[Saving]:
    """Those that save: where the run is over, the ones that make it fit by themselves first, cheapest first.

    Then by what they save. Of one knob's steps those that make no difference to the next gentler one are left out.
    """
    over = room is not None and room.holds(base.capacity) == "over"
    worth = _gentlest(saving for saving in savings if saving.saved >= WORTH)

    def rank(saving: Saving) -> tuple[bool, float, int]:
        mends = over and room is not None and saving.plan.capacity <= room.limit
        return (not mends, saving.option.price if mends else 0.0, -saving.saved)

    return sorted(worth, key=rank)


def _gentlest(savings: Iterable[Saving]) -> Iterator[Saving]:
    """Of a knob's steps, gentlest first, those that save more than the one before."""
    best: dict[str, int] = {}
    for saving in sorted(savings, key=lambda one: one.option.price):
        if saving.saved >= best.get(saving.option.knob, 0) + WORTH:
            best[saving.option.knob] = saving.saved
            yield saving
