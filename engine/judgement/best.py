"""Which iteration is the best so far: what a rollback goes back to and a finish hands over."""

from __future__ import annotations

from engine.judgement import evidence, tree
from engine.judgement.figures import above
from engine.judgement.gates import failures
from engine.judgement.weaknesses import confirmed_regressions, find_weaknesses
from engine.records import KL, WIN_RATE, History, Iteration


def best(history: History) -> int | None:
    """The index of the best iteration; None where there is nothing to choose from.

    Of the iterations with no confirmed regression and KL within its limit, the highest lower bound of the win rate;
    ties go to the lower KL, then to the earlier one. The baseline, one half against itself, is the best only until a
    sound iteration wins more often than it loses.
    """
    sound = [tree.current(prefix) for prefix in tree.prefixes(history) if is_sound(prefix)]
    better = [iteration for iteration in sound if iteration.index != tree.BASELINE and _wins(iteration)]
    if better:
        return min(better, key=_order).index
    return tree.BASELINE if tree.find(history, tree.BASELINE) else None


def is_sound(history: History) -> bool:
    """Nothing missing, no confirmed regression, and KL within its limit, in the last iteration.

    Where no iteration so far has a KL at all, as in many published tables, it cannot be asked for.
    """
    here = tree.current(history)
    if here.index == tree.BASELINE:
        return True
    if here.status == "failed" or failures(history) or confirmed_regressions(find_weaknesses(history)):
        return False
    kl = tree.value(here, KL)
    return kl is None or not above(kl, history.thresholds.kl)


def lower_bound(iteration: Iteration) -> float | None:
    """Of the win rate: of its 95 % interval where there is one, else the value itself."""
    metric = tree.win_rate(iteration)
    if metric is None:
        return None
    bounds = evidence.interval(metric)
    return metric.value if bounds is None else bounds[0]


def _wins(iteration: Iteration) -> bool:
    value = tree.value(iteration, WIN_RATE)
    return value is not None and above(value, 0.5)


def _order(iteration: Iteration) -> tuple[float, float, int]:
    bound, kl = lower_bound(iteration), tree.value(iteration, KL)
    return (-round(bound or 0.0, 9), kl or 0.0, iteration.index)
