"""What the rules may be told, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from engine.records.words import Action, DataAction, Evidence, Scalar, Severity


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a rule fires (spec, sections 4 to 6). Every default can be changed in the run's config."""

    retention: float = 0.95
    critical_retention: float = 0.90
    zero_baseline_drop: float = 0.05
    win_rate: float = 0.55
    kl: float = 0.1
    critical_kl: float = 0.2
    converged_spread: float = 0.02
    converged_iterations: int = 3
    diminishing_gain: float = 0.01
    diminishing_iterations: int = 5
    alignment_goal: float = 0.95
    retries: int = 2
    confidence: float = 0.95
    category_gap: float = 0.15
    slow_gain: float = 0.01
    slow_iterations: int = 3
    reward_accuracy: float = 0.6
    task_drop: float = 0.05
    reward_variance: float = 2.0
    length_growth: float = 1.5
    diversity: float = 0.7
    preference_gap: float = 0.15
    pairs: int = 1000
    decontamination: float = 0.9
    floors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend; None is no limit. Waiting for the operator is never charged."""

    iterations: int | None = None
    wall_hours: float | None = None
    gpu_hours: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has spent so far, in seconds, and what one more iteration is expected to take."""

    wall_s: float = 0.0
    gpu_s: float = 0.0
    next_iteration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Weakness:
    """A finding at a gate. `detail` is one line for a person; `test` names how the evidence was weighed.

    `category` narrows the finding to a part of the metric's items. `against` is the iteration that the test compared
    with, None where the value was held against `threshold` alone. `n` counts the items that were tested.
    """

    type: str
    metric: str
    value: float | None
    threshold: float
    severity: Severity
    evidence: Evidence
    baseline: float | None = None
    parent: float | None = None
    p_value: float | None = None
    test: str = ""
    detail: str = ""
    category: str = ""
    against: int | None = None
    n: int | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Weakness:
        return cls(**{f.name: raw[f.name] for f in fields(cls) if f.name in raw})


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the next iteration's config: from the parent's value to the proposed one, and why."""

    field: str
    before: Scalar
    after: Scalar
    why: str

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Change:
        return cls(raw["field"], raw["from"], raw["to"], raw["why"])


@dataclass(frozen=True, slots=True)
class DataStep:
    """One thing to do about the next iteration's data, and why.

    `about` is the category or metric that it is for. `count` is how many pairs or examples, None where that is left to
    the config. `split` names what they may be drawn from.
    """

    action: DataAction
    about: str = ""
    count: int | None = None
    split: str = ""
    why: str = ""
    text: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any] | str) -> DataStep:
        """From its JSON; a line of text, as older ledgers have it, is a step in words alone."""
        if isinstance(raw, str):
            return cls("note", text=raw)
        return cls(**{f.name: raw[f.name] for f in fields(cls) if f.name in raw})


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next iteration: whose weights it starts from, changed settings, what to do about data, what was clamped."""

    parent: int
    changes: tuple[Change, ...] = ()
    data: tuple[DataStep, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Proposal:
        return cls(
            raw["parent"],
            tuple(Change.parse(change) for change in raw["changes"]),
            tuple(DataStep.parse(step) for step in raw.get("data", ())),
            tuple(raw.get("notes", ())),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The recommended action. `to` is the iteration that a rollback, a retry or a finish goes to.

    `otherwise` says, a line each, what would have made the rules say something else.
    """

    action: Action
    to: int | None = None
    reasons: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Verdict:
        return cls(raw["action"], raw.get("to"), tuple(raw.get("reasons", ())), tuple(raw.get("otherwise", ())))


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the rules say of one iteration: the whole content of a gate. `convergence` is one line for a person."""

    index: int
    weaknesses: tuple[Weakness, ...]
    verdict: Verdict
    proposal: Proposal
    converged: bool = False
    best: int | None = None
    convergence: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Assessment:
        return cls(
            raw["index"],
            tuple(Weakness.parse(weakness) for weakness in raw["weaknesses"]),
            Verdict.parse(raw["verdict"]),
            Proposal.parse(raw["proposal"]),
            raw["converged"],
            raw["best"],
            raw.get("convergence", ""),
        )
