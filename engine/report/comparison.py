"""The comparison as a markdown table: a row a metric, a column an iteration, the trend last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.judgement.compare import Comparison, Line, Mark, Point, Step
from engine.report.markup import delta, number, safe, table

_SIGNS: Mapping[Mark, str] = {"better": " better", "worse": " worse", "higher": " higher", "lower": " lower"}


def comparison_rows(comparison: Comparison) -> Iterator[str]:
    """Values, changes from the parent and the baseline with their marks, and trends; a legend above them."""
    yield _legend(comparison)
    yield ""
    heads = ("metric", *(_head(index) for index in comparison.iterations), "trend")
    yield from table(heads, ((_label(line), *map(_point, line.points), _trend(line)) for line in comparison.lines))


def _legend(comparison: Comparison) -> str:
    changes = "Changes are from the parent, then from the baseline (b)."
    if not comparison.evidence:
        return f"{changes} Evidence is off: better and worse are bare numbers."
    return f"{changes} better and worse are sure (the gate's tests); a change without a word may be noise."


def _head(index: int) -> str:
    return "baseline" if index == 0 else str(index)


def _label(line: Line) -> str:
    """With the side that is better; a metric that the rules do not know says so."""
    told = {"higher": "↑", "lower": "↓", "neither": "", "unknown": "(not judged)"}[line.sense]
    return f"{safe(line.metric)} {told}".rstrip()


def _point(point: Point) -> str:
    """`0.283 (-0.117 worse; b -0.133 worse)`; a parent that is the baseline is told once."""
    if point.value is None:
        return "–"
    parent, start = point.from_parent, point.from_baseline
    told = [_step(parent)] if parent and parent != start else []
    told += [f"b {_step(start)}"] if start else []
    return number(point.value) + (f" ({'; '.join(told)})" if told else "")


def _step(step: Step) -> str:
    return delta(step.delta) + _SIGNS.get(step.mark, "")


def _trend(line: Line) -> str:
    return f"{line.course.trend}: {safe(line.course.why)}"
