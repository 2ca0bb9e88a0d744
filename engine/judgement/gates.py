"""What an iteration must show before the run may end on it, and which numbers the rules cannot do without."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from engine.judgement import tree
from engine.judgement.figures import above, below, listed, percent, show
from engine.judgement.weaknesses import confirmed_regressions, find_weaknesses
from engine.records import (
    ALIGNMENT_SCORE,
    KL,
    PREFERENCE_ACCURACY,
    REWARD_ACCURACY,
    REWARD_VARIANCE,
    TASK_ACCURACY,
    WIN_RATE,
    History,
)

NEEDED = (WIN_RATE, KL, ALIGNMENT_SCORE, TASK_ACCURACY, REWARD_ACCURACY, REWARD_VARIANCE)
"""Judged wherever a history has them: once measured, one that is gone is a failed evaluation."""
_HELD = (ALIGNMENT_SCORE, TASK_ACCURACY, REWARD_ACCURACY, PREFERENCE_ACCURACY)


@dataclass(frozen=True, slots=True)
class Gate:
    """One quality gate: `passed`, and a line that says why or why not."""

    name: str
    passed: bool
    text: str


def quality_gates(history: History) -> tuple[Gate, ...]:
    """Every quality gate of the last iteration. What is missing or not finite never passes."""
    gates = (_complete(history), _capable(history), _near(history), _aligned(history), _stable(history))
    return (*gates, _floored(history)) if history.thresholds.floors else gates


def failures(history: History) -> list[str]:
    """Metrics that this iteration should have and has not: not finite, or absent although measured before or floored.

    Of the baseline only what later iterations' capabilities are compared with is asked: it has no reward model yet.
    """
    here, start = tree.current(history), tree.baseline(history)
    needed = {name for name, metric in start.metrics.items() if metric.group == "capability"}
    needed |= {name for name, metric in here.metrics.items() if metric.group == "capability"}
    if here.index != tree.BASELINE:
        needed |= {name for name in NEEDED if any(name in each.metrics for each in history.iterations)}
        needed |= set(history.thresholds.floors)
    return sorted(name for name in needed if not tree.measured(here, name))


def unknown(history: History) -> list[str]:
    """Metrics that the rules need and that this history never had, or has no baseline for: they cannot be judged.

    Another key metric (`tree.KEYS`) may stand in for the win rate; nothing stands in for KL.
    """
    here, start = tree.current(history), tree.baseline(history)
    never = [
        name for name in (tree.key_name(history), KL) if not any(name in each.metrics for each in history.iterations)
    ]
    capabilities = [name for name, metric in start.metrics.items() if metric.group == "capability"]
    return never + sorted(name for name in capabilities if tree.measured(here, name) and not tree.measured(start, name))


def fallen_through(history: History) -> list[str]:
    """Metrics of the last iteration below the absolute floor that the operator gave them; the baseline has none."""
    here = tree.current(history)
    if here.index == tree.BASELINE:
        return []
    values = ((name, tree.value(here, name), floor) for name, floor in sorted(history.thresholds.floors.items()))
    return [name for name, value, floor in values if value is not None and below(value, floor)]


def _complete(history: History) -> Gate:
    missing = sorted({*failures(history), *unknown(history)})
    return Gate(
        "complete", not missing, f"{listed(missing)} missing" if missing else "every required metric is present"
    )


def _capable(history: History) -> Gate:
    names = [weakness.metric for weakness in confirmed_regressions(find_weaknesses(history))]
    text = f"regression confirmed: {listed(names)}" if names else "no confirmed regression"
    return Gate("capability", not names, text)


def _near(history: History) -> Gate:
    kl, limit = tree.value(tree.current(history), KL), history.thresholds.kl
    if kl is None:
        return Gate("kl", False, "KL was not measured")
    over = above(kl, limit)
    return Gate("kl", not over, f"KL {show(kl)} is {'above' if over else 'within'} {show(limit)}")


def _aligned(history: History) -> Gate:
    name = tree.key_name(history)
    if name != WIN_RATE:
        return _ahead(history, name)
    rate, limit = tree.value(tree.current(history), WIN_RATE), history.thresholds.win_rate
    if rate is None:
        return Gate("alignment", False, "the win rate was not measured")
    short = below(rate, limit)
    return Gate("alignment", not short, f"win rate {show(rate)} is {'below' if short else 'at least'} {show(limit)}")


def _ahead(history: History, name: str) -> Gate:
    """No win rate anywhere: what stands in for it must be above the baseline's, or without one above the goal."""
    score, par = tree.value(tree.current(history), name), tree.par(history)
    if score is None:
        return Gate("alignment", False, f"{name} was not measured")
    limit = history.thresholds.alignment_goal if par is None else par
    whose = "the goal of " if par is None else "the baseline's "
    ahead = above(score, limit)
    text = f"{name} {show(score)} is {'above' if ahead else 'not above'} {whose}{show(limit)} (no win rate is known)"
    return Gate("alignment", ahead, text)


def _stable(history: History) -> Gate:
    """Against the baseline and not only the parent: capabilities taken together, so that small losses cannot add up
    unseen, and each alignment figure by itself."""
    held, fallen = [*_capabilities(history)], [*_fallen(history)]
    mean = math.fsum(held) / len(held) if held else None
    drained = mean is not None and below(mean, history.thresholds.retention)
    said = f"capabilities keep {percent(mean)} of the baseline on average" if mean is not None else ""
    if fallen or drained:
        return Gate("stability", False, "; ".join([*([said] if drained else []), *fallen]))
    return Gate("stability", True, said or "no capability to hold against the baseline")


def _capabilities(history: History) -> Iterator[float]:
    """What each capability keeps of a baseline above 0."""
    here, start = tree.current(history), tree.baseline(history)
    for name in sorted(name for name, metric in start.metrics.items() if metric.group == "capability"):
        now, was = tree.value(here, name), tree.value(start, name)
        if now is not None and was is not None and above(was, 0):
            yield now / was


def _fallen(history: History) -> Iterator[str]:
    """Alignment figures that are clearly worse than the baseline's, in words."""
    here, start, limits = tree.current(history), tree.baseline(history), history.thresholds
    for name in _HELD:
        now, was = tree.value(here, name), tree.value(start, name)
        if now is not None and was is not None and above(was, 0) and below(now / was, limits.retention):
            yield f"{name} {show(was)} → {show(now)}: {percent(now / was)} of the baseline"
    now, was = tree.value(here, REWARD_VARIANCE), tree.value(start, REWARD_VARIANCE)
    if now is not None and was is not None and above(was, 0) and above(now / was, limits.reward_variance):
        yield f"{REWARD_VARIANCE} is {show(now / was)} times the baseline's"


def _floored(history: History) -> Gate:
    low = [*fallen_through(history), *(name for name in failures(history) if name in history.thresholds.floors)]
    return Gate("floors", not low, f"{listed(low)} below its floor" if low else "nothing is below its floor")
