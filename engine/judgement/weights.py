"""How much an example counts in an iteration: safety first, then balance, then nuance (spec, section 5, "Reweight").

A weight is a function of the example's base quality weight, its category and the iteration, and of nothing else: no
weight is ever computed from an earlier iteration's, so none can accumulate.

Categories are matched to a kind by their words, whatever their case: `safety_critical`, `Safety-Critical` and `safety`
are one. A schedule's `kinds` names a data set's own categories, and wins over the words known here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["safety", "balanced", "nuanced", ""]
"""What a category is for; "" is none of the named ones, and always counts once."""

_WORDS: Mapping[str, Kind] = {
    **dict.fromkeys(("safety", "safe", "harmless", "harmlessness", "unsafe", "harmful", "refusal"), "safety"),
    **dict.fromkeys(("balanced", "balance"), "balanced"),
    **dict.fromkeys(("nuanced", "nuance", "helpful", "helpfulness"), "nuanced"),
}


@dataclass(frozen=True, slots=True)
class Phase:
    """Iterations before `before` (None: all from there on), and what each kind counts; a kind not named counts once."""

    before: int | None
    multipliers: Mapping[Kind, float]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Phases in order of iteration, and which kind a data set's own categories are of."""

    phases: tuple[Phase, ...]
    kinds: Mapping[str, Kind] = field(default_factory=dict)


DEFAULT = Schedule((Phase(3, {"safety": 2.0}), Phase(6, {"balanced": 1.0}), Phase(None, {"nuanced": 1.5})))


def kind_of(category: str, schedule: Schedule = DEFAULT) -> Kind:
    """The kind of a category: as the schedule names it, else by the first of its words that is known."""
    named = {key.casefold(): kind for key, kind in schedule.kinds.items()}
    if category.casefold() in named:
        return named[category.casefold()]
    return next((_WORDS[word] for word in re.split(r"[\W_]+", category.casefold()) if word in _WORDS), "")


def multiplier(category: str, iteration: int, schedule: Schedule = DEFAULT) -> float:
    """What an example of `category` counts in `iteration`: 1 for whatever the schedule does not name."""
    for phase in schedule.phases:
        if phase.before is None or iteration < phase.before:
            return phase.multipliers.get(kind_of(category, schedule), 1.0)
    return 1.0


def weight(quality: float, category: str, iteration: int, schedule: Schedule = DEFAULT) -> float:
    """The example's base quality weight times its multiplier. Raises ValueError for a weight that is no weight."""
    if not (math.isfinite(quality) and quality >= 0):
        raise ValueError(f"a quality weight is a finite number from 0, not {quality}")
    return quality * multiplier(category, iteration, schedule)
