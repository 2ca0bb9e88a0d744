"""What is wrong with an iteration: each detector names one type of weakness, with the evidence behind it.

A new type joins as one more function in `DETECTORS`. A detector sees the whole history, so that trends fit too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.judgement import evidence, tree
from engine.judgement.evidence import Finding
from engine.judgement.figures import above, below, percent, show
from engine.records import KL, SEVERITIES, WIN_RATE, History, Metric, Severity, Thresholds, Weakness

Detector = Callable[[History], Iterable[Weakness]]
_SURENESS = ("confirmed", "off", "suspected", "too_few_samples")


def find_weaknesses(history: History) -> tuple[Weakness, ...]:
    """Every weakness of the last iteration, worst first. The baseline has none: it is what others are held against."""
    if tree.current(history).index == tree.BASELINE:
        return ()
    found = [weakness for detect in DETECTORS for weakness in detect(history)]
    if not history.evidence:
        found = [replace(weakness, evidence="off", p_value=None, test="bare threshold") for weakness in found]
    return tuple(sorted(found, key=_rank))


def sure(weakness: Weakness) -> bool:
    """May this finding alone cost an iteration? Yes when confirmed, or when the operator turned evidence off."""
    return weakness.evidence in {"confirmed", "off"}


def confirmed_regressions(weaknesses: Iterable[Weakness]) -> list[Weakness]:
    return [weakness for weakness in weaknesses if weakness.type == "capability_regression" and sure(weakness)]


def capability_regression(history: History) -> Iterable[Weakness]:
    """A capability below 0.95 of the baseline's; from a baseline of 0 or less, where a ratio says nothing, 0.05 lower.

    Holm's correction runs over every capability measured, not only those below the threshold.
    """
    here, start, limits = tree.current(history), tree.baseline(history), history.thresholds
    pairs = {
        name: (now, was)
        for name, was in sorted(start.metrics.items())
        if was.group == "capability" and was.measured and (now := tree.measured(here, name))
    }
    if not any(_loss(now, was, limits) for now, was in pairs.values()):
        return
    alpha = evidence.level(limits.confidence, history.budget.iterations)
    findings = evidence.holm({name: evidence.drop(now, was) for name, (now, was) in pairs.items()}, alpha)
    for name, (now, was) in pairs.items():
        if (severity := _loss(now, was, limits)) is not None:
            limit = limits.retention if above(_value(was), 0) else limits.zero_baseline_drop
            detail = _fallen(now, was, limits)
            yield _weakness("capability_regression", history, now, limit, severity, findings[name], detail)


def insufficient_alignment(history: History) -> Iterable[Weakness]:
    metric, limit = tree.measured(tree.current(history), WIN_RATE), history.thresholds.win_rate
    if metric is not None and below(_value(metric), limit):
        detail = f"win rate {show(metric.value)} is below {show(limit)}"
        finding = evidence.falls_short(metric, limit)
        yield _weakness("insufficient_alignment", history, metric, limit, "medium", finding, detail)


def kl_violation(history: History) -> Iterable[Weakness]:
    metric, limits = tree.measured(tree.current(history), KL), history.thresholds
    if metric is not None and above(_value(metric), limits.kl):
        severity: Severity = "critical" if above(_value(metric), limits.critical_kl) else "high"
        detail = f"KL to the baseline is {show(metric.value)} nats a token, above {show(limits.kl)}"
        finding = evidence.exceeds(metric, limits.kl)
        yield _weakness("kl_violation", history, metric, limits.kl, severity, finding, detail)


DETECTORS: tuple[Detector, ...] = (capability_regression, insufficient_alignment, kl_violation)


def _loss(now: Metric, was: Metric, limits: Thresholds) -> Severity | None:
    """How badly a capability fell, or None where it held."""
    if above(_value(was), 0):
        kept = _value(now) / _value(was)
        return (
            "critical" if below(kept, limits.critical_retention) else "high" if below(kept, limits.retention) else None
        )
    lost, limit = _value(was) - _value(now), limits.zero_baseline_drop
    return "critical" if above(lost, 2 * limit) else "high" if above(lost, limit) else None


def _fallen(now: Metric, was: Metric, limits: Thresholds) -> str:
    change = f"{now.name} {show(was.value)} → {show(now.value)}"
    if not above(_value(was), 0):
        return f"{change}: {show(_value(was) - _value(now))} lower, more than {show(limits.zero_baseline_drop)}"
    return f"{change}: {percent(_value(now) / _value(was))} of the baseline, below {percent(limits.retention)}"


def _weakness(
    kind: str, history: History, metric: Metric, threshold: float, severity: Severity, finding: Finding, detail: str
) -> Weakness:
    here, name = tree.current(history), metric.name
    start, parent = tree.baseline(history), tree.find(history, here.parent)
    return Weakness(
        type=kind,
        metric=name,
        value=metric.value,
        threshold=threshold,
        severity=severity,
        evidence=finding.evidence,
        baseline=before.value if (before := tree.measured(start, name)) else None,
        parent=last.value if (last := tree.measured(parent, name)) else None,
        p_value=finding.p,
        test=finding.test,
        detail=detail,
    )


def _rank(weakness: Weakness) -> tuple[int, int, str, str]:
    return (
        -SEVERITIES.index(weakness.severity),
        _SURENESS.index(weakness.evidence),
        weakness.type,
        weakness.metric,
    )


def _value(metric: Metric) -> float:
    assert metric.value is not None, "only measured metrics are compared"
    return metric.value
