"""An ordered table of rules, of which the first that holds wins.

A rule looks at a `Case` and answers with a `Ruling` or None. A new rule joins as one more function in `ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.judgement import evidence, tree
from engine.judgement.adjustments import Cause
from engine.judgement.best import is_sound
from engine.judgement.figures import above, below, listed, show, signed
from engine.judgement.verdict.case import Case, Ruling
from engine.judgement.verdict.limits import again, overspent, tried
from engine.judgement.verdict.words import certainty, doubts, finish, found, key, missing, moved, name, plain, ruling
from engine.judgement.weaknesses import confirmed_regressions, sure
from engine.records import ALIGNMENT_SCORE, KL, Metric

WEARING = frozenset({"reward_degradation", "task_degradation", "reward_instability", "over_optimisation"})
"""Weaknesses that say "degrading" by themselves, once they are sure."""

Row = Callable[[Case], Ruling | None]


def rule(case: Case) -> Ruling:
    """The first row that holds. The last one always does."""
    return next(ruling for row in ROWS if (ruling := row(case)) is not None)


def start_model(case: Case) -> Ruling | None:
    """The baseline is judged only for being measured: without its numbers nothing later can be."""
    if case.here.index != tree.BASELINE:
        return None
    if case.failed:
        return ruling("ask", None, 0, f"the baseline is not measured: {missing(case)}")
    names = sorted(name for name in case.here.metrics if tree.measured(case.here, name))
    compared = listed(names) or "nothing yet"
    return ruling("accept", None, 0, f"the baseline is measured; to compare with: {compared}")


def evaluation_failed(case: Case) -> Ruling | None:
    if not case.failed:
        return None
    reason = f"iteration {case.here.index} failed: {missing(case)}"
    return again(case, reason, Cause("evaluation_failure", "", "evaluation failed"))


def budget_exhausted(case: Case) -> Ruling | None:
    if (why := overspent(case.history)) is None:
        return None
    return finish(case, f"the budget is used up: {why}")


def below_floor(case: Case) -> Ruling | None:
    """An absolute floor is the operator's own word to stop: it needs no evidence, and no iteration below it is kept."""
    floors = case.history.thresholds.floors
    low = [f"{plain(n)} {show(tree.value(case.here, n))} is below its floor of {show(floors[n])}" for n in case.floored]
    return finish(case, *low) if low else None


def regressed(case: Case) -> Ruling | None:
    """A capability really lost, at once or a little every iteration: both are confirmed by a test, or no reason."""
    lost = confirmed_regressions(case.weaknesses)
    if not lost:
        return None
    names = listed(sorted({weakness.metric for weakness in lost}))
    reason = f"capability regression in {names}: back to {name(case.best)}"
    return ruling("rollback", case.best, case.best, reason, *map(found, lost), *tried(case, case.best))


def drifted(case: Case) -> Ruling | None:
    """KL acts on its own row: every step past the limit makes the next one worse, sampled noise or not."""
    past = [weakness for weakness in case.weaknesses if weakness.type == "kl_violation"]
    return again(case, f"{past[0].detail} ({certainty(past[0])})") if past else None


def degrading(case: Case) -> Ruling | None:
    """Worse than before beyond doubt; losing a little by chance is no reason to go back."""
    return _wearing(case) or _outdone(case)


def _wearing(case: Case) -> Ruling | None:
    worn = [weakness for weakness in case.weaknesses if weakness.type in WEARING and sure(weakness)]
    if not worn:
        return None
    reason = f"degrading: {listed(sorted({plain(each.type) for each in worn}))}: back to {name(case.previous)}"
    lines, cause = map(found, worn), Cause("degradation", worn[0].metric, f"{plain(worn[0].metric)} got worse")
    return ruling("rollback", case.previous, case.previous, reason, *lines, *tried(case, case.previous), cause=cause)


def _outdone(case: Case) -> Ruling | None:
    """The key metric is really lower than the best one's."""
    if case.best == case.here.index:
        return None
    now, was = case.now, tree.key(case.history, tree.find(case.history, case.best))
    if now is None or was is None or not _fell(now, was, case):
        return None
    reason = f"{key(case)} {show(now.value)}, down from {show(was.value)} in {name(case.best)}"
    test = evidence.drop(now, was).test if case.history.evidence else "bare threshold"
    cause = Cause("degradation", tree.key_name(case.history), f"{key(case)} fell")
    return ruling("rollback", case.best, case.best, reason, test, cause=cause)


def arrived(case: Case) -> Ruling | None:
    score, goal = tree.value(case.here, ALIGNMENT_SCORE), case.history.thresholds.alignment_goal
    reached = score is not None and above(score, goal)
    if not case.passed or not (reached or case.convergence.converged):
        return None
    why = f"goal reached: alignment score {show(score)}, above {show(goal)}" if reached else case.convergence.text
    return finish(case, why, *(gate.text for gate in case.gates))


def diminishing(case: Case) -> Ruling | None:
    limits = case.history.thresholds
    if case.unknown or case.gained is None or not below(case.gained, limits.diminishing_gain):
        return None
    span, least = limits.diminishing_iterations, show(limits.diminishing_gain)
    return finish(case, f"{key(case)} {signed(case.gained)} over {span} iterations, less than {least}")


def improving(case: Case) -> Ruling | None:
    """Better than its parent, and better than the baseline."""
    if case.unknown or not rose(case):
        return None
    return ruling("accept", None, case.here.index, f"improving: {moved(case)}", *doubts(case))


def cannot_tell(case: Case) -> Ruling | None:
    start = case.here.index if is_sound(case.history) else case.best
    if case.unknown:
        lacking = f"{listed(list(case.unknown))} was never measured: no rule can say whether this is better"
        seen = [f"as far as it was measured: {moved(case)}"] if case.now and case.was and KL in case.unknown else []
        return ruling("ask", None, start, lacking, *seen, *doubts(case))
    reason = f"cannot tell: {moved(case)} is no gain and no sure loss; more evaluation samples, or you, can"
    return ruling("ask", None, start, reason, *doubts(case))


ROWS: tuple[Row, ...] = (
    start_model,
    evaluation_failed,
    budget_exhausted,
    below_floor,
    regressed,
    drifted,
    degrading,
    arrived,
    diminishing,
    improving,
    cannot_tell,
)


def rose(case: Case) -> bool:
    """Is the key metric above both the parent's and what being better than the baseline takes?"""
    now, was, par = case.now, case.was, tree.par(case.history)
    if now is None or was is None or now.value is None or was.value is None:
        return False
    return above(now.value, was.value if par is None else max(was.value, par))


def _fell(now: Metric, was: Metric, case: Case) -> bool:
    history = case.history
    if not history.evidence:
        return below((now.value or 0.0) - (was.value or 0.0), -history.thresholds.diminishing_gain)
    here, trained = case.here.index, [each for each in history.iterations if each.index != tree.BASELINE]
    picked = max(1, len(trained) - 1)  # the best of these looks better than it is
    alpha = evidence.level(history.thresholds.confidence, history.budget.iterations, here, picked)
    p = evidence.drop(now, was).p
    return p is not None and p <= alpha
