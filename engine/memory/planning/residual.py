"""What a card had to say of earlier plans: by how much they were over or under.

A run that has trained on a card knows what torch allocated at its worst. Held against its plan, that is a residual; a
card with residuals corrects the next plan for it, and shows how far off it may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from statistics import median
from typing import Any

from engine.records import Memory, Plan


@dataclass(frozen=True, slots=True)
class Residual:
    """One run on a card: bytes that the plan said torch would allocate at most, and that it did."""

    card: str
    planned: int
    measured: int

    @property
    def error(self) -> float:
        """Share of what was measured: above 0 the plan was too careful."""
        return self.planned / self.measured - 1

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Residual:
        return cls(**{f.name: raw[f.name] for f in fields(cls) if f.name in raw})


@dataclass(frozen=True, slots=True)
class CardResidual:
    """A card's residuals: how many, and the errors' lowest, median and highest."""

    card: str
    count: int
    lowest: float
    middle: float
    highest: float

    def corrected(self, planned: int) -> int:
        """Bytes that this card is going to report for that plan, by the median of its errors."""
        return round(planned / (1 + self.middle))

    @property
    def words(self) -> str:
        runs = "1 run" if self.count == 1 else f"{self.count} runs"
        return f"{runs} on this card: plans were off by {self.lowest:+.1%} to {self.highest:+.1%}"


def residual(plan: Plan, memory: Memory) -> Residual | None:
    """Of a finished run's plan and its largest reading; None off a card, or of a stand-in's.

    `memory` is the ledger's reading with the highest `peak`: torch's max_memory_allocated over the engine's life.
    """
    if memory.source != "gpu" or memory.simulated or not memory.peak:
        return None
    return Residual(memory.name, plan.allocated + plan.workspaces, memory.peak)


def residual_of(found: Iterable[Residual], card: str) -> CardResidual | None:
    """What is known of `card`; None where nothing is."""
    errors = sorted(one.error for one in found if one.card == card and one.measured > 0)
    return CardResidual(card, len(errors), errors[0], median(errors), errors[-1]) if errors else None
