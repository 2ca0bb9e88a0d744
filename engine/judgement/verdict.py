"""What to do at a gate: an ordered table of rules, of which the first that holds wins (spec, section 6).

A rule looks at a `Case` and answers with a `Ruling` or None. A new rule joins as one more function in `ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.judgement import evidence, tree
from engine.judgement.best import best, is_sound, lower_bound
from engine.judgement.convergence import Convergence, convergence, gain
from engine.judgement.figures import above, below, listed, show, signed
from engine.judgement.gates import Gate, failures, quality_gates, unknown
from engine.judgement.proposal import Cause
from engine.judgement.weaknesses import confirmed_regressions, find_weaknesses
from engine.records import ALIGNMENT_SCORE, WIN_RATE, Action, History, Iteration, Metric, Verdict, Weakness

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a rule may look at, worked out once."""

    history: History
    here: Iteration
    weaknesses: tuple[Weakness, ...]
    best: int
    failures: tuple[str, ...]
    unknown: tuple[str, ...]
    gates: tuple[Gate, ...]
    convergence: Convergence

    @property
    def parent(self) -> int:
        return tree.BASELINE if self.here.parent is None else self.here.parent

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict, the iteration that the next one starts from, and a cause that is not among the weaknesses."""

    verdict: Verdict
    start: int
    cause: Cause | None = None


Row = Callable[[Case], Ruling | None]


def open_case(history: History) -> Case:
    chosen = best(history)
    return Case(
        history,
        tree.current(history),
        find_weaknesses(history),
        tree.BASELINE if chosen is None else chosen,
        tuple(failures(history)),
        tuple(unknown(history)),
        quality_gates(history),
        convergence(history),
    )


def rule(case: Case) -> Ruling:
    """The first row that holds. The last one always does."""
    return next(ruling for row in ROWS if (ruling := row(case)) is not None)


def start_model(case: Case) -> Ruling | None:
    """The baseline is judged only for being measured: without its numbers nothing later can be."""
    if case.here.index != tree.BASELINE:
        return None
    if case.here.status == "failed" or case.failures:
        return _ruling("ask", None, 0, f"the baseline is not measured: {_missing(case)}")
    names = sorted(name for name in case.here.metrics if tree.measured(case.here, name))
    compared = listed(names) or "nothing yet"
    return _ruling("accept", None, 0, f"the baseline is measured; to compare with: {compared}")


def evaluation_failed(case: Case) -> Ruling | None:
    if case.here.status != "failed" and not case.failures:
        return None
    reason = f"iteration {case.here.index} failed: {_missing(case)}"
    return _again(case, reason, Cause("evaluation_failure", "", "evaluation failed"))


def budget_exhausted(case: Case) -> Ruling | None:
    if (why := _overspent(case.history)) is None:
        return None
    return _finish(case, f"the budget is used up: {why}")


def regressed(case: Case) -> Ruling | None:
    lost = confirmed_regressions(case.weaknesses)
    if not lost:
        return None
    tests = [f"{weakness.detail} ({_evidence(weakness)})" for weakness in lost]
    reason = f"capability regression in {listed([weakness.metric for weakness in lost])}: back to {_name(case.best)}"
    return _ruling("rollback", case.best, case.best, reason, *tests, *_tried(case, case.best))


def drifted(case: Case) -> Ruling | None:
    """KL acts on its own row: every step past the limit makes the next one worse, sampled noise or not."""
    found = [weakness for weakness in case.weaknesses if weakness.type == "kl_violation"]
    if not found:
        return None
    return _again(case, f"{found[0].detail} ({_evidence(found[0])})")


def degrading(case: Case) -> Ruling | None:
    """Wins really less often than the best one does: losing a little by chance is no reason to go back."""
    if case.best == case.here.index:
        return None
    now, was = tree.win_rate(case.here), tree.win_rate(tree.find(case.history, case.best))
    if now is None or was is None or not _fell(now, was, case.history):
        return None
    reason = f"win rate {show(now.value)}, down from {show(was.value)} in {_name(case.best)}"
    test = evidence.drop(now, was).test if case.history.evidence else "bare threshold"
    return _ruling(
        "rollback", case.best, case.best, reason, test, cause=Cause("degradation", WIN_RATE, "win rate fell")
    )


def arrived(case: Case) -> Ruling | None:
    score, goal = tree.measured(case.here, ALIGNMENT_SCORE), case.history.thresholds.alignment_goal
    reached = score is not None and score.value is not None and above(score.value, goal)
    if not case.passed or not (reached or case.convergence.converged):
        return None
    why = f"goal reached: alignment score {show(score.value)}" if score and reached else case.convergence.text
    return _finish(case, why, *(gate.text for gate in case.gates))


def diminishing(case: Case) -> Ruling | None:
    gained, limits = gain(case.history), case.history.thresholds
    if case.unknown or gained is None or not below(gained, limits.diminishing_gain):
        return None
    span = limits.diminishing_iterations
    return _finish(case, f"win rate {signed(gained)} over {span} iterations, less than {show(limits.diminishing_gain)}")


def improving(case: Case) -> Ruling | None:
    """Wins more often than its parent did, and more often than it loses against the baseline."""
    now, was = tree.win_rate(case.here), tree.win_rate(tree.find(case.history, case.parent))
    if case.unknown or now is None or was is None or now.value is None or was.value is None:
        return None
    if not above(now.value, max(was.value, 0.5)):
        return None
    reason = f"improving: win rate {show(was.value)} → {show(now.value)}"
    return _ruling("accept", None, case.here.index, reason, *_doubts(case))


def cannot_tell(case: Case) -> Ruling | None:
    start = case.here.index if is_sound(case.history) else case.best
    if case.unknown:
        reason = f"{listed(list(case.unknown))} was never measured: no rule can say whether this is better"
        return _ruling("ask", None, start, reason, *_doubts(case))
    now, was = tree.win_rate(case.here), tree.win_rate(tree.find(case.history, case.parent))
    moved = f"win rate {show(was.value if was else None)} → {show(now.value if now else None)}"
    reason = f"cannot tell: {moved} is no gain and no sure loss; more evaluation samples, or you, can"
    return _ruling("ask", None, start, reason, *_doubts(case))


ROWS: tuple[Row, ...] = (
    start_model,
    evaluation_failed,
    budget_exhausted,
    regressed,
    drifted,
    degrading,
    arrived,
    diminishing,
    improving,
    cannot_tell,
)


def _ruling(action: Action, to: int | None, start: int, *reasons: str, cause: Cause | None = None) -> Ruling:
    return Ruling(Verdict(action, to, reasons), start, cause)


def _again(case: Case, reason: str, cause: Cause | None = None) -> Ruling:
    """A retry from the parent, unless it was retried often enough or is itself past a limit: then from the best."""
    parent, count, cap = case.parent, 1 + _retries(case), case.history.thresholds.retries
    beyond = [f"this goes beyond the budget: {why}"] if (why := _overspent(case.history)) else []
    sound = _sound_at(case.history, parent)
    if sound and count <= cap:
        retry = f"retry {count} of {cap} from {_name(parent)}, more carefully"
        return _ruling("retry", parent, parent, reason, retry, *beyond, cause=cause)
    spent = f"{count} tries from {_name(parent)} ended so" if sound else f"{_name(parent)} is itself past a limit"
    back = f"{spent}: back to {_name(case.best)}"
    if case.best == parent:
        back += ", still more carefully; other data, or other limits, may do more"
    return _ruling("rollback", case.best, case.best, reason, back, *beyond, cause=cause)


def _retries(case: Case) -> int:
    """How often the parent has been retried from: earlier tries that were answered with a retry.

    Where neither a decision nor a verdict is on record (a recorded table), it was one if the next iteration starts from
    the same parent and no confirmed regression called for a rollback there.
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
    return not confirmed_regressions(find_weaknesses(then))


def _sound_at(history: History, index: int) -> bool:
    return any(is_sound(prefix) for prefix in tree.prefixes(history) if tree.current(prefix).index == index)


def _finish(case: Case, *reasons: str) -> Ruling:
    return _ruling("finish", case.best, case.best, *reasons, _selected(case))


def _selected(case: Case) -> str:
    chosen = tree.find(case.history, case.best)
    if case.best == tree.BASELINE or chosen is None:
        return "no sound iteration wins more often than the baseline: the baseline is selected"
    bound, metric = lower_bound(chosen), tree.win_rate(chosen)
    return f"{_name(case.best)} is selected: win rate {show(metric.value if metric else None)}, at least {show(bound)}"


def _overspent(history: History) -> str | None:
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


def _fell(now: Metric, was: Metric, history: History) -> bool:
    if not history.evidence:
        return below((now.value or 0.0) - (was.value or 0.0), -history.thresholds.diminishing_gain)
    p, alpha = evidence.drop(now, was).p, evidence.level(history.thresholds.confidence, history.budget.iterations)
    return p is not None and p <= alpha


def _doubts(case: Case) -> Sequence[str]:
    """What crossed a threshold and is not acted on."""
    return [f"{weakness.detail} ({_evidence(weakness)})" for weakness in case.weaknesses]


def _tried(case: Case, target: int) -> Sequence[str]:
    count = len(tree.children(case.history, target))
    if count <= case.history.thresholds.retries:
        return ()
    return (f"{count} tries from {_name(target)} have failed: other data may do more than smaller steps",)


def _missing(case: Case) -> str:
    if case.here.status == "failed":
        return case.here.fault or "no reason was recorded"
    return f"{listed(list(case.failures))} could not be measured"


def _evidence(weakness: Weakness) -> str:
    return f"{weakness.evidence.replace('_', ' ')}: {weakness.test}" if weakness.test else weakness.evidence


def _name(index: int) -> str:
    return "the baseline" if index == tree.BASELINE else f"iteration {index}"
