"""What a run may still do: the budget, and how often one iteration may be tried again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from engine.judgement import tree
from engine.judgement.adjustments import Cause
from engine.judgement.best import is_sound
from engine.judgement.figures import show
from engine.judgement.gates import failures
from engine.judgement.verdict.case import Case, Ruling
from engine.judgement.verdict.words import name, ruling
from engine.judgement.weaknesses import confirmed_regressions, find_weaknesses
from engine.records import History, Iteration

_HOUR = 3600.0


def overspent(history: History) -> str | None:
    """Which part of the budget has no room for one more iteration, in words; None where all have."""
    budget, spent = history.budget, history.spent
    trained = sum(iteration.index != tree.BASELINE for iteration in history.iterations)
    if budget.iterations is not None and trained >= budget.iterations:
        return f"{trained} of {budget.iterations} iterations"
    share = spent.gpu_s / spent.wall_s if spent.wall_s else 1.0
    clocks = (
        ("hours", budget.wall_hours, spent.wall_s, spent.next_iteration_s),
        ("GPU hours", budget.gpu_hours, spent.gpu_s, spent.next_iteration_s * share),
    )
    for unit, limit, used, coming in clocks:
        if limit is not None and (used + coming > limit * _HOUR or used >= limit * _HOUR):
            return f"{show(used / _HOUR)} of {show(limit)} {unit}, and another iteration takes {show(coming / _HOUR)}"
    return None


def again(case: Case, reason: str, cause: Cause | None = None) -> Ruling:
    """A retry from the parent, unless it was retried often enough or is itself past a limit: then from the best."""
    parent, count, cap = case.parent, 1 + _retries(case), case.history.thresholds.retries
    beyond = [f"this goes beyond the budget: {why}"] if (why := overspent(case.history)) else []
    sound = _sound_at(case.history, parent)
    if sound and count <= cap:
        retry = f"retry {count} of {cap} from {name(parent)}, more carefully"
        return ruling("retry", parent, parent, reason, retry, *beyond, cause=cause)
    spent = f"{count} tries from {name(parent)} ended so" if sound else f"{name(parent)} is itself past a limit"
    back = f"{spent}: back to {name(case.best)}"
    if case.best == parent:
        back += ", still more carefully; other data, or other limits, may do more"
    return ruling("rollback", case.best, case.best, reason, back, *beyond, cause=cause)


def tried(case: Case, target: int) -> Sequence[str]:
    """Said where the run keeps coming back to `target`."""
    count = len(tree.children(case.history, target))
    if count <= case.history.thresholds.retries:
        return ()
    return (f"{count} tries from {name(target)} have failed: other data may do more than smaller steps",)


def _retries(case: Case) -> int:
    """How often the parent has been retried from: earlier tries that were answered with a retry.

    Where neither a decision nor a verdict is on record (a recorded table), it was one if the next iteration starts from
    the same parent, and the evaluation failed or KL was violated there with no confirmed regression beside it.
    """
    return sum(
        _was_retried(before, case.history)
        for before, after in pairwise(case.history.iterations)
        if before.parent == case.here.parent == after.parent
    )


def _was_retried(iteration: Iteration, history: History) -> bool:
    if iteration.decision:
        return iteration.decision.action == "retry"
    if iteration.assessment:
        return iteration.assessment.verdict.action == "retry"
    then = next(prefix for prefix in tree.prefixes(history) if tree.current(prefix).index == iteration.index)
    weaknesses = find_weaknesses(then)
    broken = iteration.status == "failed" or failures(then) or any(each.type == "kl_violation" for each in weaknesses)
    return bool(broken) and not confirmed_regressions(weaknesses)


def _sound_at(history: History, index: int) -> bool:
    return any(is_sound(prefix) for prefix in tree.prefixes(history) if tree.current(prefix).index == index)
