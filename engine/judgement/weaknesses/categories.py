"""A part of the data that the policy does much worse on than on the rest."""

from __future__ import annotations

from collections.abc import Iterable

from engine.judgement import evidence, tree
from engine.judgement.figures import above, show
from engine.judgement.weaknesses.finding import look, number, weakness
from engine.judgement.weaknesses.parts import lower, parts, rest
from engine.records import PREFERENCE_ACCURACY, REWARD_ACCURACY, TASK_ACCURACY, WIN_RATE, History, Metric, Weakness

_RATES = (WIN_RATE, PREFERENCE_ACCURACY, REWARD_ACCURACY, TASK_ACCURACY)


def category_gap(history: History) -> Iterable[Weakness]:
    """A category's win rate or accuracy more than 0.15 below that of all other items.

    Holm's correction runs over every category of every metric, not only those below the threshold.
    """
    limit, here = history.thresholds.category_gap, tree.current(history)
    wholes = [metric for _, metric in sorted(here.metrics.items()) if _is_split_rate(metric)]
    gaps = [
        (whole, category, part, others)
        for whole in wholes
        for category, part in parts(whole).items()
        if (others := rest(part, whole)) is not None
    ]
    if not any(above(others - number(part), limit) for _, _, part, others in gaps):
        return
    tests = {f"{whole.name}\0{category}": lower(part, whole) for whole, category, part, _ in gaps}
    findings = evidence.holm(tests, look(history))
    for whole, category, part, others in gaps:
        if above(others - number(part), limit):
            finding = findings[f"{whole.name}\0{category}"]
            detail = f"{whole.name} {show(part.value)} in {category}, against {show(others)} in the rest"
            yield weakness("category_gap", history, part, limit, "medium", finding, detail, category=category)


def _is_split_rate(metric: Metric) -> bool:
    """A gap is a difference of rates: scores on other scales have none."""
    if not metric.categories or not metric.measured or not (metric.name in _RATES or metric.group == "capability"):
        return False
    return bool(metric.items) and all(0 <= item <= 1 for item in metric.items or ())
