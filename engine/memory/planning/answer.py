"""All that is said of one config's memory, and the same as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from engine.config import RunConfig
from engine.memory.planning.inverse import Limits, limits
from engine.memory.planning.options import Saving, Tell, measure, ranked
from engine.memory.planning.residual import CardResidual, Residual, residual_of
from engine.memory.planning.room import Room, Rooms
from engine.records import GIB, Plan, StagePeak
from engine.records.planning import PARTS


class Simulates(Protocol):
    """`engine.memory.planning.run.simulate`, or a simulator's method of that name."""

    def __call__(self, config: RunConfig, *, quick: bool = False, progress: Any = None) -> Plan: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """`savings` are ranked and None until they are known; `limits` too, and where there is no card to hold against.

    `residual` is what earlier runs measured on the card in this machine, None where none has.
    """

    source: str
    rooms: Rooms
    plan: Plan
    savings: tuple[Saving, ...] | None = None
    limits: Limits | None = None
    residual: CardResidual | None = None


def answers(
    source: str,
    config: RunConfig,
    rooms: Rooms,
    simulate: Simulates,
    *,
    exact: bool = False,
    residuals: Iterable[Residual] = (),
    tell: Tell | None = None,
    at_once: int = 1,
) -> Iterator[Answer]:
    """The plan at once, then with its options, then with its limits: each a few seconds after the one before.

    `exact` simulates every layer for the plan itself; what is compared always comes from two and four layers.
    """
    learnt = residual_of(residuals, rooms.here.name) if rooms.here else None
    answer = Answer(source, rooms, simulate(config, quick=not exact, progress=tell), residual=learnt)
    yield answer
    quick = partial(simulate, quick=True)
    base = quick(config)
    limit = rooms.room.limit if rooms.room else None
    savings = ranked(measure(config, base, quick, limit, tell=tell, at_once=at_once), rooms.room, base)
    answer = replace(answer, savings=tuple(savings))
    yield answer
    if rooms.room:
        yield replace(answer, limits=limits(config, rooms.room.limit, quick, tell))


def document(answer: Answer) -> dict[str, Any]:
    """The answer in plain JSON, sizes in GiB.

    `fits` and `headroom_gib` are of the card in `card`, null where there is none. `parts` add up to the allocated
    bytes of the stage `peak_stage`; `capacity_gib` adds what the allocator wastes, the context and the workspaces.
    """
    plan, room, here = answer.plan, answer.rooms.room, answer.rooms.here
    return {
        "config": answer.source,
        "model": plan.model,
        "peak_gib": _gib(plan.allocated),
        "capacity_gib": _gib(plan.capacity),
        "context_gib": _gib(plan.context),
        "workspaces_gib": _gib(plan.workspaces),
        "card": room and room.name,
        "card_gib": room and _gib(room.total),
        "usable_gib": room and _gib(room.usable),
        "free_gib": None if here is None or here.free is None else _gib(here.free),
        "fits": None if room is None else room.holds(plan.capacity) != "over",
        "verdict": room and room.holds(plan.capacity),
        "headroom_gib": room and _gib(room.limit - plan.capacity),
        "peak_stage": plan.peak.stage,
        "parts": _parts(plan.peak.parts),
        "stages": [_stage(stage) for stage in plan.stages],
        "options": [_option(saving, room) for saving in answer.savings or ()],
        "limits": _limits(answer.limits),
        "notes": [*(room.notes if room else ()), *filter(None, [answer.rooms.nothing_here])],
        "residual": _residual(answer),
        "assumed": list(plan.assumed),
        "extrapolated": plan.extrapolated,
        "seconds": round(plan.seconds, 3),
        "versions": dict(plan.versions),
    }


def _stage(stage: StagePeak) -> dict[str, Any]:
    return {
        "stage": stage.stage,
        "at": stage.at,
        "peak_gib": _gib(stage.allocated),
        "reserved_gib": _gib(stage.reserved),
        "capacity_gib": _gib(stage.capacity),
        "parts": _parts(stage.parts),
    }


def _parts(parts: Mapping[str, int]) -> dict[str, float]:
    return {name: _gib(parts[name]) for name in PARTS if parts.get(name)}


def _option(saving: Saving, room: Room | None) -> dict[str, Any]:
    option = saving.option
    return {
        "name": option.name,
        "saves_gib": _gib(saving.saved),
        "capacity_gib": _gib(saving.plan.capacity),
        "fits": None if room is None else saving.plan.capacity <= room.limit,
        "cost": option.cost,
        "same_training": option.keeps,
        "changes": dict(option.changes),
        "yaml": option.yaml,
    }


def _residual(answer: Answer) -> dict[str, Any] | None:
    """Errors are shares of what was measured, above 0 where plans were too careful."""
    found = answer.residual
    if found is None:
        return None
    errors = {"lowest": found.lowest, "median": found.middle, "highest": found.highest}
    return {"runs": found.count, **errors, "peak_gib": _gib(found.corrected(answer.plan.allocated))}


def _limits(limits: Limits | None) -> dict[str, Any] | None:
    if limits is None:
        return None
    return {
        "max_length": limits.max_length,
        "batch_size": limits.batch_size,
        "family": limits.family or None,
        "model": limits.model,
        "capped": list(limits.capped),
    }


def _gib(held: float) -> float:
    return round(held / GIB, 4)
