"""Iterations side by side as a table: a row a metric, a column an iteration, its trend last.

A sure change has a star and the colour of better or worse; one that may be noise is dim. The star is what is left of
that without colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from tui.presenters.cell import MISSING, Cell, Tone
from tui.presenters.iterations import Column, Grid
from tui.presenters.names import short
from tui.presenters.numbers import number, signed

if TYPE_CHECKING:
    from engine.judgement.compare import Comparison, Line, Point, Step

Against = Literal["parent", "baseline"]
GAP = 2
LONGEST = 8
"""Points of a trend's small picture, the last ones."""
_MARKS: dict[str, Tone] = {"better": "good", "worse": "bad", "higher": "bold", "lower": "bold"}
_TRENDS: dict[str, Tone] = {"improving": "good", "worsening": "bad", "uneven": "warn", "rising": "", "falling": ""}
_SENSES = {"higher": "higher is better", "lower": "lower is better", "neither": "neither side is better"}


@dataclass(frozen=True, slots=True)
class Look:
    """What of a comparison is shown: changes against whom, from which column on, and only the accepted way or all."""

    against: Against = "parent"
    first: int = 0
    way: bool = False

    def turn(self) -> Look:
        return replace(self, against="baseline" if self.against == "parent" else "parent")


@dataclass(frozen=True, slots=True)
class Shown:
    """A table with the metric of each row ("" for a group's heading) and the columns before and after its window."""

    grid: Grid
    keys: tuple[str, ...]
    before: int
    after: int


def compare_table(comparison: Comparison, look: Look, width: int, ramp: str) -> Shown:
    """As many iterations as `width` cells hold from `look.first` on; the baseline always leads them.

    `ramp` are the glyphs of a trend's small picture, the lowest first.
    """
    kept = way(comparison) if look.way else comparison.iterations
    texts = {index: _texts(comparison, index, look.against) for index in kept}
    ends = [_label(line) for line in comparison.lines], _trends(comparison, ramp)
    left = width - sum(max((len(cell.text) for cell in column), default=0) + GAP for column in ends)
    window = fitting([_wide(comparison, texts, index, look) for index in kept], left, look.first)
    chosen = [kept[place] for place in window]
    rows, keys = _rows(comparison, chosen, texts, ends)
    later = len(kept) - 1 - max(window, default=0)
    columns = (
        Column("metric", ""),
        *(Column(str(index), _heading(comparison, index, look.against)) for index in chosen),
        Column("trend", "trend"),
    )
    return Shown(Grid(columns, tuple(rows)), tuple(keys), len(kept) - later - len(chosen), later)


def way(comparison: Comparison) -> tuple[int, ...]:
    """The baseline and the iterations from it to the newest by parents: what was accepted on the way."""
    parents = dict(zip(comparison.iterations, comparison.parents, strict=True))
    found: list[int] = []
    step = comparison.iterations[-1] if comparison.iterations else None
    while step is not None and step in parents and step not in found:
        found.append(step)
        step = parents[step]
    return tuple(found[::-1])


def fitting(widths: Sequence[int], width: int, first: int) -> tuple[int, ...]:
    """Places of the columns that `width` cells hold: the first always, then from `first` on, or back from the end."""
    if not widths:
        return ()
    first = min(max(first, 1), max(len(widths) - 1, 1))
    left = width - widths[0] - GAP
    chosen = _run(widths, range(first, len(widths)), left)
    if chosen and chosen[-1] == len(widths) - 1:  # room to the right of the last: those before it come in
        left -= sum(widths[place] + GAP for place in chosen)
        chosen = _run(widths, range(first - 1, 0, -1), left)[::-1] + chosen
    return (0, *(chosen or ([first] if len(widths) > 1 else [])))


def _run(widths: Sequence[int], places: range, left: int) -> list[int]:
    found = []
    for place in places:
        left -= widths[place] + GAP
        if left < 0:
            break
        found.append(place)
    return found


def furthest(shown: Shown, look: Look) -> Look:
    """`look` no further to the right than there are columns to come."""
    return replace(look, first=max(1, min(look.first, 1 + shown.before + shown.after)))


def legend(comparison: Comparison, look: Look) -> str:
    """What changes are against and what the marks say."""
    sure = "* sure, else it may be noise" if comparison.evidence else "evidence: off, nothing is tested"
    kept = "the accepted way" if look.way else "all iterations"
    return f"changes from the {look.against} · {sure} · {kept}"


def about(comparison: Comparison, metric: str, index: int | None, against: Against) -> tuple[str, ...]:
    """Lines on one metric: which side is better, its trend in words, and the test behind the newest change."""
    line = next((each for each in comparison.lines if each.metric == metric), None)
    if line is None:
        return ()
    sense = _SENSES.get(line.sense, "the rules do not know this metric: shown, not judged")
    over = ", ".join(map(str, line.course.iterations))
    told = [f"{short(metric)}: {sense}", f"trend over {over}: {line.course.trend}, {line.course.why}"]
    point = next((each for each in line.points if each.index == index), None)
    step = _step(point, against) if point else None
    if point is not None and step is not None:
        told.append(f"{point.index} from its {against}: {signed(step.delta)}, {_sure(step)}")
    return tuple(told)


def _sure(step: Step) -> str:
    named = {"unsure": "no sure change", "same": "the same", "unjudged": "not judged, it starts there by definition"}
    word = named.get(step.mark, step.mark)
    state = {"too_few_samples": "too few samples", "off": "bare number"}.get(step.evidence, "")
    return ", ".join(part for part in (word, state if step.mark != "unjudged" else "", step.test) if part)


# ── cells ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _rows(
    comparison: Comparison,
    chosen: Sequence[int],
    texts: dict[int, dict[str, Cell]],
    ends: tuple[list[Cell], list[Cell]],
) -> tuple[list[tuple[Cell, ...]], list[str]]:
    """A heading over each group's metrics."""
    rows: list[tuple[Cell, ...]] = []
    keys: list[str] = []
    told = zip(comparison.lines, *ends, strict=True)
    for group, members in groupby(told, key=lambda row: row[0].group):
        rows.append((Cell(group, "dim"), *(Cell("") for _ in chosen), Cell("")))
        keys.append("")
        for line, label, trend in members:
            rows.append((label, *(texts[index][line.metric] for index in chosen), trend))
            keys.append(line.metric)
    return rows, keys


def _label(line: Line) -> Cell:
    known = line.sense != "unknown"
    return Cell(f"  {short(line.metric)}{'' if known else ' (not judged)'}", "" if known else "dim")


def _heading(comparison: Comparison, index: int, against: Against) -> str:
    """`baseline`, `3 from 1`: whom its changes are against."""
    parent = comparison.parents[comparison.iterations.index(index)]
    if parent is None or index == 0:
        return "baseline"
    return f"{index} from {parent}" if against == "parent" else f"{index}"


def _wide(comparison: Comparison, texts: dict[int, dict[str, Cell]], index: int, look: Look) -> int:
    heading = len(_heading(comparison, index, look.against))
    return max([heading, *(len(cell.text) for cell in texts[index].values())])


def _texts(comparison: Comparison, index: int, against: Against) -> dict[str, Cell]:
    """The cells of one iteration, values and changes each in a column of their own."""
    place = comparison.iterations.index(index)
    points = {line.metric: line.points[place] for line in comparison.lines}
    values = {name: number(point.value) for name, point in points.items() if point.value is not None}
    wide = max(map(len, values.values()), default=0)
    moved = {name: step for name, point in points.items() if (step := _step(point, against))}
    told = {name: "=" if step.mark == "same" else signed(step.delta) for name, step in moved.items()}
    across = max(map(len, told.values()), default=0)
    cells = {}
    for name in points:
        if name not in values:
            cells[name] = Cell(MISSING.text.rjust(wide), MISSING.tone)
        elif name not in moved:
            cells[name] = Cell(values[name].rjust(wide), "dim" if index == 0 else "")
        else:
            cells[name] = _cell(values[name].rjust(wide), told[name].rjust(across), moved[name])
    return cells


def _cell(value: str, change: str, step: Step) -> Cell:
    tone: Tone = _MARKS.get(step.mark, "dim")
    arrow = " " if step.mark == "same" else "▲" if step.delta > 0 else "▼"
    star = "*" if step.mark in _MARKS and step.evidence != "off" else " "
    return Cell(f"{value} {arrow} {change}{star}", tone)


def _step(point: Point, against: Against) -> Step | None:
    return point.from_parent if against == "parent" else point.from_baseline


def _trends(comparison: Comparison, ramp: str) -> list[Cell]:
    """Their words stand under one another, however many points each has."""
    longest = max((len(line.course.iterations) for line in comparison.lines), default=0)
    return [_trend(line, ramp, min(longest, LONGEST)) for line in comparison.lines]


def _trend(line: Line, ramp: str, wide: int) -> Cell:
    tone: Tone = _TRENDS.get(line.course.trend, "dim")
    by_index = {point.index: point.value for point in line.points}
    values = [value for index in line.course.iterations if (value := by_index.get(index)) is not None]
    return Cell(f"{spark(values, ramp):<{wide}} {line.course.trend}", tone)


def spark(values: Sequence[float], ramp: str, longest: int = LONGEST) -> str:
    """The last values as a row of glyphs from lowest to highest; all the same is the middle one."""
    values = values[-longest:]
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    if high == low:
        return ramp[len(ramp) // 2] * len(values)
    return "".join(ramp[round((value - low) / (high - low) * (len(ramp) - 1))] for value in values)
