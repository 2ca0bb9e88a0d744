"""Iterations side by side: what moved since the parent and the baseline, how sure that is, and where each metric goes.

A change is called better or worse only where the gate's own tests say so (paired by item where items are known, Holm
over the metrics of a group); all else is `unsure`. A trend follows the iterations that were accepted on the way to the
newest one. The baseline leads it only where that says something: the win rate against itself is one half and its KL
nought by definition, so that any first step would look like a rise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from engine.judgement import evidence, tree
from engine.judgement.evidence import Z95, Finding
from engine.judgement.figures import above, below, show
from engine.judgement.senses import FORCED, GROUPS, HALF, Sense, sense_of
from engine.records import WIN_RATE, Evidence, Group, History, Iteration, Metric

Mark = Literal["better", "worse", "higher", "lower", "unsure", "same", "unjudged"]
"""`higher` and `lower` are sure changes of a metric that has no better side; `unsure` may well be noise."""

Trend = Literal["improving", "worsening", "rising", "falling", "uneven", "flat", "inconclusive"]
"""`flat` is an answer: samples enough to have seen a change, and none. `inconclusive` is the lack of one."""

_LEAST_POINTS = 3
_MARKS: Mapping[Sense, tuple[Mark, Mark]] = {
    "higher": ("better", "worse"),
    "lower": ("worse", "better"),
    "neither": ("higher", "lower"),
    "unknown": ("higher", "lower"),
}
"""What a sure rise and a sure fall are called."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a value moved from another iteration's, and how sure that is. `n` counts the items that were tested."""

    delta: float
    mark: Mark
    evidence: Evidence = "too_few_samples"
    p: float | None = None
    test: str = ""
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One metric at one iteration with its 95 % interval; a value of None was not measured."""

    index: int
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    from_parent: Step | None = None
    from_baseline: Step | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """Where a metric goes over `iterations`, and a few words on why it is called that."""

    trend: Trend
    why: str
    iterations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One metric over all iterations. Sense `unknown`: the rules have no opinion on it; it is shown, not judged."""

    metric: str
    group: Group
    sense: Sense
    points: tuple[Point, ...]
    course: Course


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every metric of every iteration, in order of group and name; `parents` in the order of `iterations`."""

    iterations: tuple[int, ...]
    parents: tuple[int | None, ...]
    evidence: bool
    lines: tuple[Line, ...]


def compare(history: History) -> Comparison:
    """All finished iterations side by side. Pure and deterministic; an empty history gives an empty comparison."""
    done = tuple(each for each in history.iterations if each.status != "running" or each.metrics)
    metrics = {metric.name: metric for each in done for metric in each.metrics.values()}
    ordered = sorted(metrics.values(), key=lambda metric: (GROUPS.index(metric.group), metric.name != WIN_RATE))
    steps = {each.index: (_steps(history, each, each.parent), _steps(history, each, 0)) for each in done}
    lines = tuple(_line(history, done, metric, steps) for metric in ordered)
    return Comparison(tuple(e.index for e in done), tuple(e.parent for e in done), history.evidence, lines)


def _line(
    history: History,
    done: Sequence[Iteration],
    metric: Metric,
    steps: Mapping[int, tuple[Mapping[str, Step], Mapping[str, Step]]],
) -> Line:
    points = tuple(_point(each, metric.name, *(moved.get(metric.name) for moved in steps[each.index])) for each in done)
    sense = sense_of(metric)
    return Line(metric.name, metric.group, sense, points, _course(history, done, metric.name, sense))


def _point(iteration: Iteration, name: str, from_parent: Step | None, from_baseline: Step | None) -> Point:
    metric = tree.measured(iteration, name)
    if metric is None:
        return Point(iteration.index, None)
    low, high = evidence.interval(metric) or (None, None)
    return Point(iteration.index, metric.value, low, high, evidence.size(metric), from_parent, from_baseline)


# ── how sure a change is ─────────────────────────────────────────────────────────────────────────────────────────────


def _steps(history: History, here: Iteration, other: int | None) -> dict[str, Step]:
    """By metric, what changed since iteration `other`; Holm over each group, as the gate weighs its capabilities."""
    before = tree.find(history, other)
    if before is None or before.index == here.index:
        return {}
    pairs = {
        name: (now, was)
        for name in here.metrics
        if (now := tree.measured(here, name)) and (was := _measured(before, name))
    }
    judged = {name: pair for name, pair in pairs.items() if before.index != tree.BASELINE or name not in FORCED}
    alpha = _alpha(history, here)
    fell = _weighed(history, judged, evidence.drop, alpha)
    rose = _weighed(history, judged, lambda now, was: evidence.drop(was, now), alpha)
    steps = {name: _step(history, *pair, fell.get(name), rose.get(name)) for name, pair in pairs.items()}
    if before.index == tree.BASELINE and history.evidence:
        steps |= {name: _against_half(*pairs[name]) for name in HALF & pairs.keys()}
    return steps


def _measured(iteration: Iteration, name: str) -> Metric | None:
    return tree.win_rate(iteration) if name == WIN_RATE else tree.measured(iteration, name)


def _alpha(history: History, here: Iteration) -> float:
    """As at the gate of `here`: the run's α spread over its planned iterations, or over a run without an end."""
    trained = sum(tree.BASELINE < each.index <= here.index for each in history.iterations)
    return evidence.level(history.thresholds.confidence, history.budget.iterations, trained)


def _weighed(
    history: History,
    pairs: Mapping[str, tuple[Metric, Metric]],
    test: Callable[[Metric, Metric], Finding],
    alpha: float,
) -> dict[str, Finding]:
    """The findings of one direction, each group a family of its own."""
    found: dict[str, Finding] = {}
    for group in GROUPS if history.evidence else ():
        family = {name: test(now, was) for name, (now, was) in pairs.items() if now.group == group}
        found |= evidence.holm(family, alpha)
    return found


def _step(history: History, now: Metric, was: Metric, fell: Finding | None, rose: Finding | None) -> Step:
    delta = _delta(now, was)
    up = above(delta, 0)
    if not up and not below(delta, 0):
        return Step(0.0, "same", n=evidence.size(now))
    mark = _MARKS[sense_of(now)][0 if up else 1]
    if not history.evidence:
        return Step(delta, mark, "off")
    finding = rose if up else fell
    if finding is None:
        return Step(delta, "unjudged", n=evidence.size(now))
    sure = finding.evidence == "confirmed"
    return Step(delta, mark if sure else "unsure", finding.evidence, finding.p, finding.test, finding.n)


def _against_half(now: Metric, was: Metric) -> Step:
    """Measured against the baseline already: its own interval says whether it is above one half."""
    delta, bounds = _delta(now, was), evidence.interval(now)
    if bounds is None:
        return Step(delta, "unsure" if delta else "same", test="value alone, n unknown")
    mark: Mark = "better" if bounds[0] > 0.5 else "worse" if bounds[1] < 0.5 else "unsure"
    few = (evidence.size(now) or 0) < evidence.TOO_FEW
    state: Evidence = "confirmed" if mark != "unsure" else "too_few_samples" if few else "suspected"
    test = f"95 % interval {show(bounds[0])} to {show(bounds[1])} against one half"
    return Step(delta, mark, state, None, test, evidence.size(now))


# ── where a metric goes ──────────────────────────────────────────────────────────────────────────────────────────────


def _course(history: History, done: Sequence[Iteration], name: str, sense: Sense) -> Course:
    if not done:
        return Course("inconclusive", "nothing is measured")
    way = tree.line(history, done[-1])
    start = tree.find(history, tree.BASELINE)
    if start is not None and name not in FORCED:
        way = [start, *way]
    points = [(each.index, metric) for each in way if (metric := tree.measured(each, name))]
    indices = tuple(index for index, _ in points)
    if len(points) < _LEAST_POINTS:
        return Course("inconclusive", f"{len(points)} of the {_LEAST_POINTS} points that a trend needs", indices)
    return Course(*_trend(history, [metric for _, metric in points], sense), indices)


def _trend(history: History, metrics: Sequence[Metric], sense: Sense) -> tuple[Trend, str]:
    """From first to last; uneven where sure steps on the way go both up and down."""
    alpha = (1 - history.thresholds.confidence) / 2  # either direction may be the answer
    moves = {_move(now, was, alpha, history.evidence) for was, now in pairwise(metrics)} - {0}
    change = f"{show(metrics[0].value)} → {show(metrics[-1].value)}"
    whole = _move(metrics[-1], metrics[0], alpha, history.evidence)
    if len(moves) > 1:
        return "uneven", f"{change}, with sure steps up and down on the way"
    if whole:
        return _named(whole, sense), change
    if not history.evidence:
        return "flat", change
    return _still(history, metrics, change)


def _move(now: Metric, was: Metric, alpha: float, weigh: bool) -> int:
    """1 for a sure rise, −1 for a sure fall, 0 for neither; without evidence any change is one."""
    delta = _delta(now, was)
    side = 1 if above(delta, 0) else -1 if below(delta, 0) else 0
    if not side or not weigh:
        return side
    p = evidence.drop(*((was, now) if side > 0 else (now, was))).p
    return side if p is not None and p <= alpha else 0


def _named(side: int, sense: Sense) -> Trend:
    if sense in {"neither", "unknown"}:
        return "rising" if side > 0 else "falling"
    return "improving" if (side > 0) == (sense == "higher") else "worsening"


def _still(history: History, metrics: Sequence[Metric], change: str) -> tuple[Trend, str]:
    """No sure change: flat where a change that matters would have been seen in these samples, else inconclusive."""
    first, last = metrics[0], metrics[-1]
    error = _error(last, first)
    if error is None:
        return "inconclusive", f"{change}, samples unknown"
    margin = (1 - history.thresholds.retention) * max(abs(first.value or 0.0), abs(last.value or 0.0))
    if Z95 * error <= margin:
        return "flat", f"{change}, within ±{show(Z95 * error)}"
    return "inconclusive", f"{change}, noise ±{show(Z95 * error)}: too few samples to see {show(margin)}"


def _error(now: Metric, was: Metric) -> float | None:
    """Standard error of the difference: paired by item where the items are what the value is the mean of."""
    if now.items and was.items and len(now.items) == len(was.items) > 1 and _is_mean(now) and _is_mean(was):
        moved = [a - b for a, b in zip(now.items, was.items, strict=True)]
        mean = math.fsum(moved) / len(moved)
        return math.sqrt(math.fsum((each - mean) ** 2 for each in moved) / (len(moved) - 1) / len(moved))
    bounds = [evidence.interval(metric) for metric in (now, was)]
    if bounds[0] is None or bounds[1] is None:
        return None
    return math.hypot(*((high - low) / (2 * Z95) for low, high in (bounds[0], bounds[1])))


def _is_mean(metric: Metric) -> bool:
    """Not so for a perplexity, whose items are losses, nor for a mean that weighs items by their tokens."""
    items = metric.items or (math.nan,)
    return math.isclose(math.fsum(items) / len(items), metric.value or 0.0, rel_tol=1e-6, abs_tol=1e-9)


def _delta(now: Metric, was: Metric) -> float:
    assert now.value is not None, "only measured metrics are compared"
    assert was.value is not None, "only measured metrics are compared"
    return now.value - was.value
