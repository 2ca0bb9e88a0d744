"""The next iteration's config: its parent's, with one reason for each changed field.

**From what.** From the config of the iteration that the next one starts from, never from that of a failed try: a retry
of iteration 2 starts from the settings that its parent was made with. For the baseline these are the run's own.

**How much.** Each weakness multiplies fields (`adjustments`); a field takes its strongest single multiplier, or with
`compound: true` the product over the types of weakness found. When any rule tightens, no rule loosens, and nothing
loosens on the way back to an earlier iteration. What leaves a field's bounds stops there, and that is said. `beta` is
changed only where a higher one stays closer to the reference: not ORPO's, and not RRHF's, which has none.

**Memory.** Where training had to be cut to fit, the batch that fitted and more accumulation are proposed (`fitting`).

**Again.** Each time that the run goes back to the same iteration, the pull on that iteration's settings grows by its
own first size (×1.5, ×2, ×2.5; ×1/2, ×1/3, ×1/4), and what earlier tries failed by still counts: a second retry is more
careful than the first, so equal tries cannot repeat for ever, and yet tries are not compounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from engine.judgement import tree
from engine.judgement.adjustments import ADJUSTMENTS, Cause
from engine.judgement.figures import show
from engine.judgement.fitting import fitting
from engine.judgement.plan import data_plan
from engine.records import Change, History, Proposal, Scalar, Settings
from engine.records.objectives import mixture

__all__ = ["ADJUSTMENTS", "BOUNDS", "Cause", "next_settings", "propose"]

BOUNDS: Mapping[str, tuple[float, float]] = {
    "beta": (0.01, 1.0),
    "learning_rate": (1e-8, 1e-3),
    "max_steps": (10, 10_000_000),
}


def propose(history: History, target: int, causes: Iterable[Cause]) -> Proposal:
    """The iteration after the current one, made from `target`. The order of `causes` does not matter."""
    here = tree.current(history).index
    known = sorted(causes, key=lambda cause: (cause.type, cause.metric, cause.category, cause.words))
    asked = [cause for cause in known if cause.type in ADJUSTMENTS and here >= cause.rule.first_iteration]
    careful = target != here or any(cause.rule.cautious for cause in asked)
    kept = [cause for cause in asked if not (careful and cause.rule.loosens)]
    notes = [f"nothing loosens for {cause.words}: careful comes first" for cause in asked if cause not in kept]
    changes = []
    for name in BOUNDS:
        change, said = _change(history, target, name, [cause for cause in kept if name in cause.rule.multipliers])
        changes += [change] if change else []
        notes += said
    steps, yielding = data_plan(history, kept)
    smaller, about_memory = fitting(tree.settings_of(history, target), tree.current(history).split)
    return Proposal(target, (*changes, *smaller), steps, (*notes, *yielding, *about_memory))


def next_settings(parent_settings: Settings, proposal: Proposal) -> dict[str, Scalar]:
    """The settings of the next iteration: its parent's with the proposal's changes on top."""
    return {**parent_settings, **{change.field: change.after for change in proposal.changes}}


def _change(history: History, target: int, name: str, causes: Sequence[Cause]) -> tuple[Change | None, list[str]]:
    """The change of one field, if any, and what there is to say beside it."""
    if not causes:
        return None, []
    if name == "beta" and (kept := _no_leash(tree.settings_of(history, target).get("loss_type"))):
        return None, [kept]
    once, words = _multiplier(name, causes, history.compound)
    times = max(1, len(tree.children(history, target)))
    factor = _grown(once, times)
    before = tree.settings_of(history, target).get(name)
    if isinstance(before, bool) or not isinstance(before, int | float):
        return None, [f"{name} ×{factor:.3g} for {words}: its present value is not known"]
    after, notes = _clamped(name, before, factor)
    why = f"{words}: ×{factor:.3g}" + (f" (try {times + 1} from iteration {target})" if times > 1 else "")
    notes += _looser(history, target, name, after, factor)
    return (Change(name, before, after, why) if after != before else None), notes


def _no_leash(loss_type: Scalar) -> str:
    """Why beta stays as it is under this objective; "" where a higher beta holds the policy closer to its reference.

    An iteration that names none (a table, a run of before there were others) was trained by DPO.
    """
    objective = mixture(str(loss_type or "sigmoid"))
    if objective.leashed:
        return ""
    return f"beta stays: {objective.name}'s is {objective.beta}" if objective.beta else f"{objective.name} has no beta"


def _multiplier(name: str, causes: Sequence[Cause], compound: bool) -> tuple[float, str]:
    """A field's multiplier and whose it is: the strongest alone, or each type's once, multiplied."""
    by_type = {cause.type: cause for cause in reversed(causes)}
    if compound and len(by_type) > 1:
        parts = [by_type[kind] for kind in sorted(by_type)]
        words = " and ".join(f"{cause.words} (×{cause.rule.multipliers[name]:.3g})" for cause in parts)
        return math.prod(cause.rule.multipliers[name] for cause in parts), words
    cause = max(causes, key=lambda cause: _strength(cause.rule.multipliers[name]))
    return cause.rule.multipliers[name], cause.words


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
