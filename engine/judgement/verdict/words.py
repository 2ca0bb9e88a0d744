"""How a ruling is put, a line each that a person understands."""

from __future__ import annotations

from collections.abc import Sequence

from engine.judgement import tree
from engine.judgement.adjustments import Cause
from engine.judgement.best import lower_bound
from engine.judgement.figures import listed, show
from engine.judgement.verdict.case import Case, Ruling
from engine.records import WIN_RATE, Action, Verdict, Weakness


def ruling(action: Action, to: int | None, start: int, *reasons: str, cause: Cause | None = None) -> Ruling:
    return Ruling(Verdict(action, to, reasons), start, cause)


def finish(case: Case, *reasons: str) -> Ruling:
    return ruling("finish", case.best, case.best, *reasons, selected(case))


def selected(case: Case) -> str:
    """Which iteration a finish hands over, and why."""
    chosen = tree.find(case.history, case.best)
    if case.best == tree.BASELINE or chosen is None:
        return f"no sound iteration {_does_better(case)} than the baseline: the baseline is selected"
    bound, metric = lower_bound(case.history, chosen), tree.key(case.history, chosen)
    value = show(metric.value if metric else None)
    return f"{name(case.best)} is selected: {key(case)} {value}, at least {show(bound)}"


def moved(case: Case) -> str:
    return f"{key(case)} {show(case.was.value if case.was else None)} → {show(case.now.value if case.now else None)}"


def key(case: Case) -> str:
    return plain(tree.key_name(case.history))


def plain(metric: str) -> str:
    return "win rate" if metric == WIN_RATE else metric.replace("_", " ")


def doubts(case: Case) -> Sequence[str]:
    """What crossed a threshold and is not acted on."""
    return [found(weakness) for weakness in case.weaknesses]


def found(weakness: Weakness) -> str:
    return f"{weakness.detail} ({certainty(weakness)})"


def certainty(weakness: Weakness) -> str:
    return f"{weakness.evidence.replace('_', ' ')}: {weakness.test}" if weakness.test else weakness.evidence


def missing(case: Case) -> str:
    if case.here.status == "failed":
        return case.here.fault or "no reason was recorded"
    return f"{listed(list(case.failures))} could not be measured"


def name(index: int) -> str:
    return "the baseline" if index == tree.BASELINE else f"iteration {index}"


def _does_better(case: Case) -> str:
    return "wins more often" if tree.key_name(case.history) == WIN_RATE else f"has a higher {key(case)}"
