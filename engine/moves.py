"""What the engine does next, from what is on record and nothing else: so a new engine goes on where a dead one was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.records import Decision, Iteration, Scalar, Settings


@dataclass(frozen=True)
class Begin:
    """Put a new iteration on record. Indices only grow: a retry or a rollback makes a new branch of the tree."""

    index: int
    parent: int | None
    settings: Settings
    first_step: int


@dataclass(frozen=True)
class Make:
    """Run the stages of an iteration that are not done."""

    iteration: Iteration


@dataclass(frozen=True)
class Judge:
    """Put what the rules say on record, and open the gate."""

    iteration: Iteration


@dataclass(frozen=True)
class Await:
    """Wait at the open gate."""

    iteration: Iteration


@dataclass(frozen=True)
class Conclude:
    """The run is over: evaluate and hand over the selected iteration."""

    selected: int
    decision: Decision


Move = Begin | Make | Judge | Await | Conclude


def next_move(iterations: Sequence[Iteration], settings: Settings) -> Move:
    """`iterations` in order of index; `settings` are the run's configured ones, which the baseline stands for."""
    if not iterations:
        return Begin(0, None, settings, 0)
    last = iterations[-1]
    if last.status == "running":
        return Make(last)
    if last.index == 0:
        return Begin(1, 0, settings, last.first_step + last.steps)
    if last.assessment is None:
        return Judge(last)
    if last.decision is None:
        return Await(last)
    return _follow(last, last.decision, iterations)


def _follow(last: Iteration, decision: Decision, iterations: Sequence[Iteration]) -> Move:
    if decision.action == "finish":
        return Conclude(selected(last, decision), decision)
    parent = start_of(last, decision)
    return Begin(
        last.index + 1, parent, next_settings(decision, iterations[parent].config), last.first_step + last.steps
    )


def selected(last: Iteration, decision: Decision) -> int:
    """The iteration that a `finish` hands over: the named one, else the best, else the baseline."""
    if decision.to is not None:
        return decision.to
    best = last.assessment.best if last.assessment else None
    return 0 if best is None else best


def start_of(last: Iteration, decision: Decision) -> int:
    """The iteration whose weights the next one starts from."""
    if decision.action == "accept":
        return last.index
    if decision.action == "rollback" and decision.to is not None:
        return decision.to
    return last.parent or 0  # retry


def next_settings(decision: Decision, parent: Settings) -> dict[str, Scalar]:
    """The parent's settings with the decided changes: never built on a failed attempt's."""
    return {**parent, **decision.changes}
