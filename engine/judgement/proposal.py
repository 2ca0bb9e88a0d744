"""The next iteration's config: its parent's, with one reason for each changed field.

**From what.** From the config of the iteration that the next one starts from, never from that of a failed try: a retry
of iteration 2 starts from the settings that its parent was made with. For the baseline these are the run's own.

**How much.** Each weakness multiplies fields; a field takes its strongest single multiplier. When any rule tightens, no
rule loosens, and nothing loosens on the way back to an earlier iteration.

**Again.** Each time that the run goes back to the same iteration, the pull on that iteration's settings grows by its
own first size (×1.5, ×2, ×2.5; ×1/2, ×1/3, ×1/4), and what earlier tries failed by still counts: a second retry is more
careful than the first, so equal tries cannot repeat for ever, and yet tries are not compounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.judgement import tree
from engine.judgement.figures import listed, show
from engine.records import Change, DataStep, History, Proposal, Scalar, Settings, Weakness

BOUNDS: Mapping[str, tuple[float, float]] = {
    "beta": (0.01, 1.0),
    "learning_rate": (1e-8, 1e-3),
    "max_steps": (10, 10_000_000),
}


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What one cause does to the next iteration: multipliers by field, and a word on data."""

    multipliers: Mapping[str, float] = field(default_factory=dict)
    data: str = ""
    loosens: bool = False
    first_iteration: int = 1


ADJUSTMENTS: Mapping[str, Adjustment] = {
    "evaluation_failure": Adjustment({"learning_rate": 0.5}),
    "degradation": Adjustment({"learning_rate": 0.5}),
    "kl_violation": Adjustment({"beta": 1.5, "learning_rate": 0.5}),
    "capability_regression": Adjustment(
        {"beta": 2.0, "learning_rate": 0.5, "max_steps": 0.7}, data="mix in capability-preserving data"
    ),
    "insufficient_alignment": Adjustment(  # early on, little alignment is to be expected
        {"beta": 0.8, "learning_rate": 1.5}, data="collect harder pairs", loosens=True, first_iteration=3
    ),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why settings change: a key of `ADJUSTMENTS`, the metric behind it, and the words for a person."""

    type: str
    metric: str
    words: str

    @classmethod
    def of(cls, weakness: Weakness) -> Cause:
        name = weakness.type.replace("_", " ")
        about = f"{weakness.metric}: {name}" if weakness.type == "capability_regression" else name
        return cls(weakness.type, weakness.metric, f"{about}, {weakness.evidence.replace('_', ' ')}")


def propose(history: History, target: int, causes: Iterable[Cause]) -> Proposal:
    """The iteration after the current one, made from `target`. The order of `causes` does not matter."""
    here = tree.current(history).index
    known = sorted(causes, key=lambda cause: (cause.type, cause.metric))
    asked = [cause for cause in known if cause.type in ADJUSTMENTS and here >= _rule(cause).first_iteration]
    careful = target != here or any(not _rule(cause).loosens for cause in asked)
    kept = [cause for cause in asked if not (careful and _rule(cause).loosens)]
    notes = [f"nothing loosens for {cause.words}: careful comes first" for cause in asked if cause not in kept]
    changes = []
    for name in BOUNDS:
        change, said = _change(history, target, name, [cause for cause in kept if name in _rule(cause).multipliers])
        changes += [change] if change else []
        notes += said
    return Proposal(target, tuple(changes), _data(kept), tuple(notes))


def next_settings(parent_settings: Settings, proposal: Proposal) -> dict[str, Scalar]:
    """The settings of the next iteration: its parent's with the proposal's changes on top."""
    return {**parent_settings, **{change.field: change.after for change in proposal.changes}}


def _change(history: History, target: int, name: str, causes: Sequence[Cause]) -> tuple[Change | None, list[str]]:
    """The change of one field, if any, and what there is to say beside it."""
    if not causes:
        return None, []
    cause = max(causes, key=lambda cause: _strength(_rule(cause).multipliers[name]))
    times = max(1, len(tree.children(history, target)))
    factor = _grown(_rule(cause).multipliers[name], times)
    before = tree.settings_of(history, target).get(name)
    if isinstance(before, bool) or not isinstance(before, int | float):
        return None, [f"{name} ×{factor:.3g} for {cause.words}: its present value is not known"]
    after, notes = _clamped(name, before, factor)
    why = f"{cause.words}: ×{factor:.3g}" + (f" (try {times + 1} from iteration {target})" if times > 1 else "")
    return (Change(name, before, after, why) if after != before else None), notes + _looser(
        history, target, name, after, factor
    )


def _rule(cause: Cause) -> Adjustment:
    return ADJUSTMENTS[cause.type]


def _strength(factor: float) -> float:
    return max(factor, 1 / factor)


def _grown(factor: float, times: int) -> float:
    """The multiplier of the n-th time: its distance from 1 n-fold, downwards as 1 over the same upwards."""
    return 1 + times * (factor - 1) if factor >= 1 else 1 / (1 + times * (1 / factor - 1))


def _clamped(name: str, before: float, factor: float) -> tuple[float | int, list[str]]:
    """`before` × `factor` within the field's bounds; a value already past a bound stays rather than turning back."""
    low, high = BOUNDS[name]
    wanted = before * factor
    after = min(max(wanted, low), high)
    if (after - before) * (factor - 1) < 0:
        after = before
    rounded = round(after) if name == "max_steps" else float(f"{after:.6g}")
    if after == wanted:
        return rounded, []
    return rounded, [f"{name} stops at {show(rounded)}, its bound: ×{factor:.3g} would give {show(wanted)}"]


def _looser(history: History, target: int, name: str, after: float, factor: float) -> list[str]:
    """Said where an edited try from `target` was more careful than this proposal and failed all the same."""
    said = []
    for each in tree.children(history, target):
        value = each.config.get(name)
        if isinstance(value, int | float) and (value - after) * (factor - 1) > 0:
            said.append(f"{name} {show(after)} is looser than the {show(value)} of iteration {each.index}")
    return said


def _data(causes: Sequence[Cause]) -> tuple[DataStep, ...]:
    """What to do about data, once a plan, naming the metrics that it is for."""
    plans: dict[str, list[str]] = {}
    for cause in causes:
        if plan := _rule(cause).data:
            plans.setdefault(plan, []).append(cause.metric)
    return tuple(DataStep("note", text=f"{plan} for {listed(metrics)}") for plan, metrics in plans.items())
