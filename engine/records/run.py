"""A run's story: iterations, decisions, events, and the history that the rules read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from engine.records.metrics import Metric
from engine.records.rules import Assessment, Budget, Spent, Thresholds
from engine.records.words import Action, Scalar, Settings


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided at a gate, by whom ("ana@host", or "policy"), when (unix seconds) and why.

    `changes` are the settings that the next iteration differs in from its parent, after the operator's edits;
    `edited` are the fields among them that the operator changed from the proposal.
    """

    action: Action
    to: int | None = None
    changes: Mapping[str, Scalar] = field(default_factory=dict)
    edited: tuple[str, ...] = ()
    who: str = ""
    why: str = ""
    t: float = 0.0

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Decision:
        known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        known["edited"] = tuple(known.get("edited", ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Split:
    """How an iteration's training was cut to fit in memory: how often that ran out (`steps` down), and the fewest pairs
    that were done at once (`least`, 0: less than one). `divisible`: its loss is a mean over pairs, so that a smaller
    batch with more accumulation is the same training.
    """

    steps: int
    least: int
    divisible: bool = True

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Split:
        return cls(int(raw["steps"]), int(raw["least"]), bool(raw.get("divisible", True)))


@dataclass(frozen=True, slots=True)
class Iteration:
    """One pass through the stages. Iteration 0 is the baseline.

    `status` is `running`, `evaluated` (at its gate), `decided`, or `failed` with `fault` saying why.
    `first_step` counts optimizer steps over the whole run; `steps` are this iteration's own. `stages` are the seconds
    of each finished stage, in their order, without the time that an operator held the run.
    """

    index: int
    parent: int | None
    status: str = "running"
    config: Settings = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    decision: Decision | None = None
    fault: str = ""
    first_step: int = 0
    steps: int = 0
    started: float = 0.0
    ended: float | None = None
    train_s: float = 0.0
    assessment: Assessment | None = None
    split: Split | None = None
    stages: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """All that the rules may look at: the iterations so far, in order of index, and what the run may do."""

    name: str
    iterations: tuple[Iteration, ...]
    thresholds: Thresholds = Thresholds()
    budget: Budget = Budget()
    spent: Spent = Spent()
    evidence: bool = True
    compound: bool = False
    config: Settings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the run's story. `level` is info, good, warn or error; `kind` a dotted word for filters."""

    id: int
    t: float
    level: str
    kind: str
    text: str
    iteration: int | None = None
    step: int | None = None
