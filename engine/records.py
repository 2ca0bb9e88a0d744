"""The words of the loop as frozen records: what the engine writes, the rules read and the screens show.

Standard library only. Every record turns into plain JSON with `as_json` and back with its class's `parse`;
a number that is not finite becomes null on the way out, because JSON has no word for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

Scalar = bool | int | float | str | None
Settings = Mapping[str, Scalar]
"""An iteration's flat config: `beta`, `learning_rate`, `max_steps`, … as in `--set`, a proposal and a history."""

Group = Literal["capability", "alignment", "quality"]
Action = Literal["accept", "retry", "rollback", "finish", "ask"]
Severity = Literal["low", "medium", "high", "critical"]
Evidence = Literal["confirmed", "suspected", "too_few_samples", "off"]
RunState = Literal["starting", "running", "awaiting_decision", "paused", "stopping", "stopped", "failed", "completed"]
LIVE_STATES: frozenset[str] = frozenset({"starting", "running", "awaiting_decision", "paused", "stopping"})

SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")

# The metrics that the rules know by name.
WIN_RATE = "win_rate_vs_baseline"
KL = "kl_divergence"
PREFERENCE_ACCURACY = "preference_accuracy"


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured number. `value` None means that it could not be measured: never a pass.

    `low` and `high` bound a 95 % interval. `items` are the per-item results in the evaluation's fixed order, so that
    two iterations' items pair up by position; `categories` names each item's category where the data has one.
    """

    name: str
    value: float | None
    group: Group = "quality"
    n: int | None = None
    low: float | None = None
    high: float | None = None
    items: tuple[float, ...] | None = None
    categories: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Metric:
        known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        for name in ("items", "categories"):
            if known.get(name) is not None:
                known[name] = tuple(known[name])
        return cls(**known)

    @property
    def measured(self) -> bool:
        return self.value is not None and math.isfinite(self.value)


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
    """A finding at a gate. `detail` is one line for a person; `test` names how the evidence was weighed."""

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
class Proposal:
    """The next iteration: whose weights it starts from, changed settings, what to do about data, what was clamped."""

    parent: int
    changes: tuple[Change, ...] = ()
    data: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Proposal:
        return cls(
            raw["parent"],
            tuple(Change.parse(change) for change in raw["changes"]),
            tuple(raw.get("data", ())),
            tuple(raw.get("notes", ())),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The recommended action. `to` is the iteration that a rollback, a retry or a finish goes to."""

    action: Action
    to: int | None = None
    reasons: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Verdict:
        return cls(raw["action"], raw.get("to"), tuple(raw.get("reasons", ())))


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the rules say of one iteration: the whole content of a gate."""

    index: int
    weaknesses: tuple[Weakness, ...]
    verdict: Verdict
    proposal: Proposal
    converged: bool = False
    best: int | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Assessment:
        return cls(
            raw["index"],
            tuple(Weakness.parse(weakness) for weakness in raw["weaknesses"]),
            Verdict.parse(raw["verdict"]),
            Proposal.parse(raw["proposal"]),
            raw["converged"],
            raw["best"],
        )


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
class Iteration:
    """One pass through the stages. Iteration 0 is the baseline.

    `status` is `running`, `evaluated` (at its gate), `decided`, or `failed` with `fault` saying why.
    `first_step` counts optimizer steps over the whole run; `steps` are this iteration's own.
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


@dataclass(frozen=True, slots=True)
class History:
    """All that the rules may look at: the iterations so far, in order of index, and what the run may do."""

    name: str
    iterations: tuple[Iteration, ...]
    thresholds: Thresholds = Thresholds()
    budget: Budget = Budget()
    spent: Spent = Spent()
    evidence: bool = True
    config: Settings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One evaluation prompt's completions side by side; `parent` is None where the parent is the baseline."""

    prompt: str
    baseline: str
    parent: str | None
    current: str
    scores: tuple[float | None, float | None, float | None] = (None, None, None)
    category: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Sample:
        known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        known["scores"] = tuple(known.get("scores", (None, None, None)))
        return cls(**known)


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


@dataclass(frozen=True, slots=True)
class Memory:
    """One reading of the card, or of the host where there is none. Sizes are bytes; None is "the card does not say".

    `used` is the whole card's, other processes included; `allocated`, `reserved` and `peak` are torch's own, and
    stay None where the engine trains on the CPU. `simulated` marks a stand-in library's card.
    """

    source: Literal["gpu", "host"]
    name: str
    total: int | None = None
    used: int | None = None
    allocated: int | None = None
    reserved: int | None = None
    peak: int | None = None
    utilisation: float | None = None
    temperature: float | None = None
    power: float | None = None
    power_limit: float | None = None
    t: float = 0.0
    simulated: bool = False

    @property
    def headroom(self) -> int | None:
        """Bytes that are still free on the device."""
        return None if self.total is None or self.used is None else self.total - self.used

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Memory:
        return cls(**{f.name: raw[f.name] for f in fields(cls) if f.name in raw})


@dataclass(frozen=True, slots=True)
class Pulse:
    """The engine's heartbeat, written by the training loop itself: where it is and how far it has to go.

    `step` of `max_steps` counts the stage's own units (optimizer steps, completions, prompts) named by `unit`.
    `promise_s` is how long the engine may take until its next beat: with its lock held and its promise broken it hangs.
    """

    t: float
    state: RunState
    iteration: int = 0
    stage: str = ""
    step: int = 0
    max_steps: int = 0
    unit: str = "step"
    eta_s: float | None = None
    promise_s: float = 60.0
    memory: Memory | None = None
    in_force: Settings = field(default_factory=dict)


def as_json(value: Any) -> Any:
    """Plain JSON of a record: dataclasses to objects, tuples to arrays, numbers that are not finite to null."""
    if isinstance(value, Change):
        return {"field": value.field, "from": as_json(value.before), "to": as_json(value.after), "why": value.why}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
