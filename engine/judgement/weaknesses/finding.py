"""From a measured metric and what a test says of it to a `Weakness`, complete with the values it is held against."""

from __future__ import annotations

from collections.abc import Iterable

from engine.judgement import evidence, tree
from engine.judgement.evidence import Finding
from engine.judgement.weaknesses.parts import part
from engine.records import SEVERITIES, History, Iteration, Metric, Severity, Weakness

SURENESS = ("confirmed", "off", "suspected", "too_few_samples")
_UNTESTED = 2.0  # sorts after every p-value


def weakness(
    kind: str,
    history: History,
    metric: Metric,
    threshold: float,
    severity: Severity,
    finding: Finding,
    detail: str,
    *,
    category: str = "",
    against: int | None = None,
) -> Weakness:
    """`metric` is the part of `category` where there is one; `against` the iteration that `finding` compared with."""
    parent = tree.find(history, tree.current(history).parent)
    return Weakness(
        type=kind,
        metric=metric.name,
        value=metric.value,
        threshold=threshold,
        severity=severity,
        evidence=finding.evidence,
        baseline=_value_at(tree.baseline(history), metric.name, category),
        parent=_value_at(parent, metric.name, category),
        p_value=finding.p,
        test=finding.test,
        detail=detail,
        category=category,
        against=against,
        n=evidence.size(metric) if finding.n is None else finding.n,
    )


def rank(weakness: Weakness) -> tuple[int, int, str, str, str]:
    """Worst first: by severity, then by how sure it is; the rest only keeps the order fixed."""
    severity, sureness = SEVERITIES.index(weakness.severity), SURENESS.index(weakness.evidence)
    return (-severity, sureness, weakness.type, weakness.metric, weakness.category)


def look(history: History) -> float:
    """α of this gate: what the run may cry wolf, spread over its planned iterations, or over a run without an end."""
    trained = sum(iteration.index != tree.BASELINE for iteration in history.iterations)
    return evidence.level(history.thresholds.confidence, history.budget.iterations, trained)


def weighed(history: History, finding: Finding) -> Finding:
    """A finding that is the only one of its family, at this gate's α."""
    return evidence.holm({"": finding}, look(history))[""]


def least_sure(findings: Iterable[Finding]) -> Finding:
    """Of findings that must all hold: the weakest, whose p-value bounds that of them together."""
    return max(findings, key=lambda each: (SURENESS.index(each.evidence), _UNTESTED if each.p is None else each.p))


def trail(history: History) -> list[Iteration]:
    """The baseline and the accepted iterations up to the current one."""
    return [tree.baseline(history), *tree.line(history, tree.current(history))]


def number(metric: Metric) -> float:
    assert metric.value is not None, "only measured metrics are compared"
    return metric.value


def _value_at(iteration: Iteration | None, name: str, category: str) -> float | None:
    metric = tree.measured(iteration, name)
    if metric is not None and category:
        metric = part(metric, category)
    return metric.value if metric else None
