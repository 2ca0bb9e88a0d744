"""`auto: fit`: the cheapest settings with which a run fits its card and learns the same.

What each option saves is measured alone, stage by stage. Sets of options are then tried from the cheapest on, leaving
out those that cannot do; the first whose own simulation fits is taken, so a sum of savings never decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from engine.config import RunConfig
from engine.errors import UsageError
from engine.memory.planning.cards import smallest
from engine.memory.planning.knobs import Option, options
from engine.memory.planning.options import WORTH, Saving, Simulate, Tell, measure
from engine.memory.planning.room import Rooms
from engine.memory.planning.words import place, size
from engine.records import GIB, Plan

_TRIES = 12
_HOPE = 1.1
"""Savings that overlap or help one another: sets are tried that would fit if each saved a tenth more."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """`config` with what was `chosen` in it; `plan` is of that config."""

    config: RunConfig
    chosen: tuple[Option, ...]
    plan: Plan


def fit_run(
    config: RunConfig, rooms: Rooms, simulate: Simulate, tell: Tell | None = None, at_once: int = 1
) -> tuple[RunConfig, Plan | None, str]:
    """What `memory.auto: fit` makes of a config that a run is about to begin with, its plan, and that in words.

    It is held against the named card and the one here, with room to spare on both; where there is neither, or the run
    is on the CPU, it stays as it is. What was chosen is kept in `memory.chosen`. Raises UsageError as `fit` does.
    """
    known = [room for room in (rooms.asked, rooms.here) if room]
    if config.model.device == "cpu" or not known:
        why = "the run is on the CPU" if config.model.device == "cpu" else rooms.nothing_here
        return config, None, f"auto: fit leaves the settings as they are: {why}"
    tightest = min(known, key=lambda room: room.comfortable)
    fitted = fit(config, tightest.comfortable, simulate, tell, at_once)
    spare = f"{place(tightest)}: {size(fitted.plan.capacity)} of {size(tightest.limit)}"
    if not fitted.chosen:
        return config, fitted.plan, f"auto: fit leaves the settings as they are, they fit {spare}"
    chosen = (*config.memory.chosen, *(f"{option.name} ({option.cost})" for option in fitted.chosen))
    memory = fitted.config.memory.model_copy(update={"chosen": chosen})
    names = ", ".join(option.name for option in fitted.chosen)
    return fitted.config.model_copy(update={"memory": memory}), fitted.plan, f"auto: fit chose {names} for {spare}"


def fit(config: RunConfig, limit: int, simulate: Simulate, tell: Tell | None = None, at_once: int = 1) -> Fitted:
    """The config as it is where that fits `limit` bytes, or with the cheapest set of options that does.

    Sequences, rank and precision stay: they change what is learned. Raises UsageError saying how close it came, and
    which of those would do.
    """
    base = simulate(config)
    if base.capacity <= limit:
        return Fitted(config, (), base)
    kept = [option for option in options(config) if option.keeps]
    savings = measure(config, base, simulate, limit, kept, tell, at_once)
    useful = [saving for saving in savings if _helps(base, saving.plan)]
    for chosen in _sets(base, useful, limit):
        if tell:
            tell("with " + ", ".join(option.name for option in chosen))
        changed = _with(config, chosen)
        plan = simulate(changed)
        if plan.capacity <= limit:
            return Fitted(changed, chosen, plan)
    raise _too_large(config, base, useful, limit, simulate)


def _helps(base: Plan, plan: Plan) -> bool:
    """Whether any stage needs less: the worst one may be another once the first has been mended."""
    return any(
        before.capacity - after.capacity >= WORTH for before, after in zip(base.stages, plan.stages, strict=True)
    )


def _sets(base: Plan, savings: list[Saving], limit: int) -> Iterator[tuple[Option, ...]]:
    """Sets that may fit, the cheapest first, one option of a knob at most; the last is what saves most of all."""
    knobs: dict[str, list[Saving]] = {}
    for saving in savings:
        knobs.setdefault(saving.option.knob, []).append(saving)
    choices = product(*([None, *steps] for steps in knobs.values()))
    taken = [[one for one in choice if one] for choice in choices]
    hopeful = [one for one in taken if one and _expected(base, one) <= limit]
    hopeful.sort(key=lambda one: (sum(saving.option.price for saving in one), len(one)))
    strongest = [max(steps, key=lambda one: one.saved) for steps in knobs.values()]
    for chosen in [*hopeful[:_TRIES], *([strongest] if strongest else [])]:
        yield tuple(saving.option for saving in chosen)


def _expected(base: Plan, savings: Iterable[Saving]) -> float:
    """The capacity with all of them, if each stage's savings added up and were a tenth larger."""
    held = list(savings)
    stages = [
        stage.capacity - _HOPE * sum(stage.capacity - saving.plan.stages[number].capacity for saving in held)
        for number, stage in enumerate(base.stages)
    ]
    return max(stages) + base.context + base.workspaces


def _with(config: RunConfig, chosen: Iterable[Option]) -> RunConfig:
    for option in chosen:
        config = option.apply(config)
    return config


def _too_large(config: RunConfig, base: Plan, savings: list[Saving], limit: int, simulate: Simulate) -> UsageError:
    """What the least of it needs, and the smallest change of what is learned that would do on top."""
    *_, least = list(_sets(base, savings, 0)) or [()]
    slim = _with(config, least)
    needs = simulate(slim).capacity
    others = [option for option in options(slim) if not option.keeps]
    doing = [option for option in others if simulate(option.apply(slim)).capacity <= limit]
    card = smallest(needs)
    remedy = [f"{option.name} would do: {option.yaml} ({option.cost})" for option in doing[:2]]
    remedy += [f"or a card of {card.total // GIB} GiB"] if card else []
    return UsageError(
        f"auto: fit cannot make this run fit {limit / GIB:.2f} GiB: with everything that leaves the training as it is, "
        f"it still needs {needs / GIB:.2f} GiB",
        remedy="\n  ".join(remedy) or "no change that is known here would do: take a smaller model",
    )
