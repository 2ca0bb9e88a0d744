"""One prompt's completions as columns, the best scored one marked."""

from __future__ import annotations

from engine.records import Sample
from tui.presenters.numbers import number
from tui.widgets import Side


def sides(sample: Sample, iteration: int, parent: int | None) -> tuple[Side, ...]:
    """Baseline, parent (where it is another than the baseline) and this iteration."""
    shown = [("baseline", sample.baseline, sample.scores[0])]
    if sample.parent is not None:
        shown.append((f"parent {parent}" if parent is not None else "parent", sample.parent, sample.scores[1]))
    shown.append((f"this, iteration {iteration}", sample.current, sample.scores[2]))
    scores = [score for _, _, score in shown if score is not None]
    top = max(scores, default=None)
    return tuple(
        Side(title, text, number(score), score == top and scores.count(score) == 1)
        if score is not None
        else Side(title, text)
        for title, text, score in shown
    )
