"""The judge that is trained on and the one that is held out, side by side over iterations: where they part is seen."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from engine.records import HELD_OUT_JUDGE, TRAINING_JUDGE, Iteration
from tui.presenters.compare import spark
from tui.presenters.numbers import number

LINES = (("judge", TRAINING_JUDGE), ("held out", HELD_OUT_JUDGE))
PARTED = "over_optimisation"


def judges_title(iterations: tuple[Iteration, ...], ramp: str) -> Text:
    """`iterations · judge ▁▄█ 1.337 ▲ · held out ▄█▁ 0.441 ▼ · apart`; without a second judge, one word.

    Each row of glyphs has its own scale, for judges have. The arrow is from the parent to the newest that is measured.
    """
    title = Text("iterations", "dim")
    measured = [one for one in iterations if all(_value(one, name) is not None for _, name in LINES)]
    if not measured:
        return title
    newest, by_index = measured[-1], {one.index: one for one in measured}
    moves = []
    for label, name in LINES:
        values = [value for one in measured if (value := _value(one, name)) is not None]
        moves.append(_move(newest, by_index, name))
        arrow = {1: " ▲", 0: "", -1: " ▼"}[moves[-1]]
        title.append(f" · {label} ", "dim").append(spark(values, ramp))
        title.append(f" {number(values[-1])}{arrow}", "dim")
    if sure := _sure(newest):
        title.append(" · ", "dim").append(f"apart, {sure}", "bold bad" if sure == "confirmed" else "warn")
    elif moves == [1, -1]:
        title.append(" · ", "dim").append("apart", "warn")
    return title


def _move(newest: Iteration, by_index: Mapping[int, Iteration], name: str) -> int:
    """1 for a rise from the parent, -1 for a fall; 0 where there is neither, or no parent."""
    parent = None if newest.parent is None else by_index.get(newest.parent)
    now, was = _value(newest, name), None if parent is None else _value(parent, name)
    return 0 if now is None or was is None else (now > was) - (now < was)


def _sure(newest: Iteration) -> str:
    """How sure the gate is that the training judge is being gamed; "" where it says nothing of it."""
    found = [one for one in newest.assessment.weaknesses if one.type == PARTED] if newest.assessment else []
    return found[0].evidence.replace("_", " ") if found else ""


def _value(one: Iteration, name: str) -> float | None:
    metric = one.metrics.get(name)
    return metric.value if metric is not None and metric.measured else None
