"""The content of an iteration log as records, which `as_json` turns into plain JSON and `document` into text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.judgement import Comparison, Convergence, best, compare, convergence, interval, judge, settings_of
from engine.records import (
    KL,
    WIN_RATE,
    Assessment,
    Change,
    Decision,
    Group,
    History,
    Iteration,
    Metric,
    Settings,
    Verdict,
    Weakness,
)

_GROUPS: tuple[Group, ...] = ("alignment", "capability", "quality")


@dataclass(frozen=True, slots=True)
class Result:
    """One metric of an iteration with its 95 % interval, and how far it moved from the parent and the baseline."""

    name: str
    group: Group
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    from_parent: float | None = None
    from_baseline: float | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One iteration: `changes` are the settings that differ from its parent's, `stages` the seconds of each stage."""

    index: int
    parent: int | None
    status: str
    fault: str = ""
    changes: tuple[Change, ...] = ()
    config: Settings = field(default_factory=dict)
    results: tuple[Result, ...] = ()
    weaknesses: tuple[Weakness, ...] = ()
    verdict: Verdict | None = None
    decision: Decision | None = None
    stages: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Log:
    """A run's log. `selected` is None until the run is finished; `best` is the best so far; `why` is of either."""

    name: str
    selected: int | None
    best: int | None
    why: str
    convergence: Convergence | None
    entries: tuple[Entry, ...]
    comparison: Comparison


def log_of(history: History) -> Log:
    """The log of a run or of a recorded table, whose missing assessments are made here."""
    judged = _assessments(history)
    entries = tuple(_entry(history, iteration, judged) for iteration in history.iterations)
    done = replace(history, iterations=tuple(each for each in history.iterations if each.status != "running"))
    if not done.iterations:
        return Log(history.name, None, None, "nothing is measured yet", None, entries, compare(done))
    selected, chosen = _selected(done), best(done)
    why = _why(done, selected, chosen)
    return Log(history.name, selected, chosen, why, convergence(done), entries, compare(done))


def _assessments(history: History) -> Mapping[int, Assessment]:
    """As recorded at each gate; a table without gates is judged now."""
    recorded = {each.index: each.assessment for each in history.iterations if each.assessment}
    if recorded or any(each.status in {"running", "decided"} for each in history.iterations):
        return recorded
    return {assessment.index: assessment for assessment in judge(history)}


def _selected(history: History) -> int | None:
    last = history.iterations[-1]
    if last.decision is None or last.decision.action != "finish":
        return None
    if last.decision.to is not None:
        return last.decision.to
    return last.assessment.best if last.assessment else best(history)


def _why(history: History, selected: int | None, chosen: int | None) -> str:
    """The line for people: which iteration, on what grounds, and by whose decision."""
    index = chosen if selected is None else selected
    if index is None:
        return "no iteration can be chosen"
    decision, rule = history.iterations[-1].decision, "highest lower bound of the win rate among the sound iterations"
    parts = [_grounds(history, index), rule if index == chosen else f"the rules' best is iteration {chosen}"]
    if selected is not None and decision is not None:
        parts.append(f"decided by {decision.who or 'nobody on record'}{f': {decision.why}' if decision.why else ''}")
    return "; ".join(parts)


def _grounds(history: History, index: int) -> str:
    if index == 0:
        return "no sound iteration wins more often than the baseline"
    metrics = next(each.metrics for each in history.iterations if each.index == index)
    named = (("win rate", metrics.get(WIN_RATE)), ("KL", metrics.get(KL)))
    return ", ".join(f"{word} {_told(metric)}" for word, metric in named if metric and metric.measured)


def _told(metric: Metric) -> str:
    bounds = interval(metric)
    return f"{metric.value:.3g}" + (f" ({bounds[0]:.3g} to {bounds[1]:.3g})" if bounds else "")


def _entry(history: History, iteration: Iteration, judged: Mapping[int, Assessment]) -> Entry:
    assessment = judged.get(iteration.index)
    return Entry(
        iteration.index,
        iteration.parent,
        iteration.status,
        iteration.fault,
        _changes(history, iteration, judged),
        iteration.config,
        _results(history, iteration),
        assessment.weaknesses if assessment else (),
        assessment.verdict if assessment else None,
        iteration.decision,
        iteration.stages,
    )


def _changes(history: History, iteration: Iteration, judged: Mapping[int, Assessment]) -> tuple[Change, ...]:
    """Against the parent's settings; the reason is the proposal's, or that the operator edited the field."""
    if iteration.parent is None:
        return ()
    before, previous = settings_of(history, iteration.parent), _find(history, iteration.index - 1)
    proposed = judged[previous.index].proposal.changes if previous and previous.index in judged else ()
    reasons = {change.field: change.why for change in proposed if change.after == iteration.config.get(change.field)}
    edited = previous.decision.edited if previous and previous.decision else ()
    return tuple(
        Change(name, before.get(name), value, "edited at the gate" if name in edited else reasons.get(name, ""))
        for name, value in iteration.config.items()
        if before.get(name) != value
    )


def _results(history: History, iteration: Iteration) -> tuple[Result, ...]:
    start, parent = _find(history, 0), _find(history, iteration.parent)
    ordered = sorted(iteration.metrics.values(), key=lambda metric: (_GROUPS.index(metric.group), metric.name))
    return tuple(_result(metric, parent, start if iteration.index else None) for metric in ordered)


def _result(metric: Metric, parent: Iteration | None, start: Iteration | None) -> Result:
    low, high = interval(metric) or (None, None)
    moved = (_moved(metric, parent), _moved(metric, start))
    return Result(metric.name, metric.group, metric.value if metric.measured else None, low, high, metric.n, *moved)


def _moved(metric: Metric, other: Iteration | None) -> float | None:
    before = other.metrics.get(metric.name) if other else None
    if before is None or before.value is None or metric.value is None or not (before.measured and metric.measured):
        return None
    return metric.value - before.value


def _find(history: History, index: int | None) -> Iteration | None:
    return next((iteration for iteration in history.iterations if iteration.index == index), None)
