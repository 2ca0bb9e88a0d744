"""What the `rlhf` recipe can lose: its reward model's accuracy, the task itself, and a reward that keeps its scale."""

from __future__ import annotations

from collections.abc import Iterable

from engine.judgement import evidence, tree
from engine.judgement.evidence import TOO_FEW, Finding
from engine.judgement.figures import above, below, p_value, show
from engine.judgement.weaknesses.finding import least_sure, number, trail, weakness, weighed
from engine.records import REWARD_ACCURACY, REWARD_VARIANCE, TASK_ACCURACY, History, Metric, Weakness

_LOW_FOR = 3  # iterations in which reward accuracy must be low
_BACK = 2  # iterations over which a task's loss is counted


def reward_degradation(history: History) -> Iterable[Weakness]:
    """Reward accuracy below 0.6 in each of the last three accepted iterations. Sure where each of the three is."""
    limit, line = history.thresholds.reward_accuracy, tree.line(history, tree.current(history))
    low = [metric for step in line[-_LOW_FOR:] if (metric := tree.measured(step, REWARD_ACCURACY))]
    if len(low) < _LOW_FOR or not all(below(number(metric), limit) for metric in low):
        return
    finding = least_sure(evidence.falls_short(metric, limit) for metric in low)
    values = ", ".join(show(metric.value) for metric in low)
    detail = f"reward accuracy is below {show(limit)} for {_LOW_FOR} iterations: {values}"
    yield weakness("reward_degradation", history, low[-1], limit, "high", finding, detail)


def task_degradation(history: History) -> Iterable[Weakness]:
    """Task accuracy more than 0.05 below where it was two iterations before, which may be the baseline."""
    limit, steps = history.thresholds.task_drop, trail(history)
    if len(steps) <= _BACK:
        return
    then = steps[-1 - _BACK]
    now, was = tree.measured(steps[-1], TASK_ACCURACY), tree.measured(then, TASK_ACCURACY)
    if now is None or was is None or not above(number(was) - number(now), limit):
        return
    finding = weighed(history, evidence.drop(now, was))
    change = f"{show(was.value)} → {show(now.value)} in {_BACK} iterations"
    detail = f"task accuracy {change}: {show(number(was) - number(now))} lower, more than {show(limit)}"
    yield weakness("task_degradation", history, now, limit, "high", finding, detail, against=then.index)


def reward_instability(history: History) -> Iterable[Weakness]:
    """Reward variance above 2.0 of the baseline's.

    Where the baseline's is missing or 0 there is nothing to divide by, and the value is taken as normalised already,
    as tables without one give it.
    """
    limit, here = history.thresholds.reward_variance, tree.current(history)
    now, was = (tree.measured(each, REWARD_VARIANCE) for each in (here, tree.baseline(history)))
    if now is None:
        return
    base = was if was is not None and above(number(was), 0) else None
    ratio = number(now) / number(base) if base else number(now)
    if not above(ratio, limit):
        return
    finding = weighed(history, _wider(now, base, ratio / limit)) if now.low is None else _past(now, base, limit)
    whose = "times the baseline's" if base else "(the baseline's is unknown or 0: taken as normalised)"
    detail = f"reward variance is {show(ratio)} {whose}, above {show(limit)}"
    against = tree.BASELINE if base else None
    yield weakness("reward_instability", history, now, limit, "high", finding, detail, against=against)


def _past(now: Metric, base: Metric | None, limit: float) -> Finding:
    return evidence.exceeds(now, limit * number(base) if base else limit)


def _wider(now: Metric, base: Metric | None, excess: float) -> Finding:
    """Is the variance really past the limit? F test of two variances, or χ² of one; both take rewards for normal."""
    from scipy.special import chdtrc, fdtrc  # half a second to import; only a gate needs it

    n = evidence.size(now) or (evidence.size(base) if base else None)
    if not n or n < 2:
        return Finding("too_few_samples", test="values alone, n unknown", n=n)
    n_base = max(evidence.size(base) or n, 2) if base else None  # the same prompts each time, so the same n
    p = float(fdtrc(n - 1, n_base - 1, excess) if n_base else chdtrc(n - 1, (n - 1) * excess))
    kind = f"F test of two variances, n = {n} and {n_base}" if n_base else f"χ² test of a variance, n = {n}"
    return Finding("suspected" if n >= TOO_FEW else "too_few_samples", p, f"{kind}, {p_value(p)}", n)
