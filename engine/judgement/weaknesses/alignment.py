"""Limits that one iteration's own value must keep: the win rate, the drift from the baseline, the operator's floors."""

from __future__ import annotations

from collections.abc import Iterable

from engine.judgement import evidence, tree
from engine.judgement.figures import above, below, show
from engine.judgement.weaknesses.finding import number, weakness
from engine.records import KL, WIN_RATE, History, Severity, Weakness


def insufficient_alignment(history: History) -> Iterable[Weakness]:
    metric, limit = tree.measured(tree.current(history), WIN_RATE), history.thresholds.win_rate
    if metric is not None and below(number(metric), limit):
        detail = f"win rate {show(metric.value)} is below {show(limit)}"
        finding = evidence.falls_short(metric, limit)
        yield weakness("insufficient_alignment", history, metric, limit, "medium", finding, detail)


def kl_violation(history: History) -> Iterable[Weakness]:
    metric, limits = tree.measured(tree.current(history), KL), history.thresholds
    if metric is not None and above(number(metric), limits.kl):
        severity: Severity = "critical" if above(number(metric), limits.critical_kl) else "high"
        detail = f"KL to the baseline is {show(metric.value)} nats a token, above {show(limits.kl)}"
        finding = evidence.exceeds(metric, limits.kl)
        yield weakness("kl_violation", history, metric, limits.kl, severity, finding, detail)


def below_floor(history: History) -> Iterable[Weakness]:
    """A metric below the absolute floor that the operator gave it; there are none unless configured."""
    for name, floor in sorted(history.thresholds.floors.items()):
        metric = tree.measured(tree.current(history), name)
        if metric is not None and below(number(metric), floor):
            detail = f"{name} {show(metric.value)} is below its floor of {show(floor)}"
            finding = evidence.falls_short(metric, floor)
            yield weakness("below_floor", history, metric, floor, "critical", finding, detail)
