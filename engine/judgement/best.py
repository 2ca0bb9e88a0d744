"""Which iteration is the best so far: what a rollback goes back to and a finish hands over."""

from __future__ import annotations

from collections.abc import Iterable

from engine.judgement import evidence, tree
from engine.judgement.figures import above
from engine.judgement.gates import failures, fallen_through
from engine.judgement.weaknesses import confirmed_regressions, find_weaknesses
from engine.records import KL, History, Iteration


def best(history: History) -> int | None:
    """The index of the best iteration; None where there is nothing to choose from.

    Of the iterations with no confirmed regression and KL within its limit, the highest lower bound of the key metric
    (the win rate; see `tree.KEYS`); ties go to the lower KL, then to the earlier one. The baseline, one half against
    itself, is the best only until a sound iteration wins more often than it loses.
    """
    return best_of(history, sound(history))


def best_of(history: History, candidates: Iterable[Iteration]) -> int | None:
    """The best among those that are known to be sound."""
    better = [each for each in candidates if each.index != tree.BASELINE and _wins(history, each)]
    if better:
        return min(better, key=lambda each: _order(history, each)).index
    return tree.BASELINE if tree.find(history, tree.BASELINE) else None


def sound(history: History) -> tuple[Iteration, ...]:
    """Every iteration that was sound at its own gate."""
    return tuple(tree.current(prefix) for prefix in tree.prefixes(history) if is_sound(prefix))


def is_sound(history: History) -> bool:
    """Nothing missing, nothing below its floor, no confirmed regression, KL within its limit, in the last iteration.

    Where no iteration so far has a KL at all, as in many published tables, it cannot be asked for.
    """
    here = tree.current(history)
    if here.index == tree.BASELINE:
        return True
    if here.status == "failed" or failures(history) or fallen_through(history):
        return False
    if confirmed_regressions(find_weaknesses(history)):
        return False
    kl = tree.value(here, KL)
    return kl is None or not above(kl, history.thresholds.kl)


def lower_bound(history: History, iteration: Iteration) -> float | None:
    """Of the key metric: of its 95 % interval where there is one, else the value itself."""
    metric = tree.key(history, iteration)
    if metric is None:
        return None
    bounds = evidence.interval(metric)
    return metric.value if bounds is None else bounds[0]


def _wins(history: History, iteration: Iteration) -> bool:
    """Better than the baseline, where there is something to be better than."""
    metric, par = tree.key(history, iteration), tree.par(history)
    return metric is not None and metric.value is not None and (par is None or above(metric.value, par))


def _order(history: History, iteration: Iteration) -> tuple[float, float, int]:
    bound, kl = lower_bound(history, iteration), tree.value(iteration, KL)
    return (-round(bound or 0.0, 9), kl or 0.0, iteration.index)
