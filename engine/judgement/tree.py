"""Where an iteration stands in the run's tree: its parent, its line to the baseline, its siblings."""

from __future__ import annotations

from dataclasses import replace

from engine.records import ALIGNMENT_SCORE, TASK_ACCURACY, WIN_RATE, History, Iteration, Metric, Settings

BASELINE = 0
KEYS = (WIN_RATE, ALIGNMENT_SCORE, TASK_ACCURACY)
"""What a run is after, the first that it has: a table of the `rlhf` recipe may know no win rate at all."""


def current(history: History) -> Iteration:
    """The iteration under judgement: the last one. Raises ValueError for an empty history."""
    if not history.iterations:
        raise ValueError("a history without iterations cannot be judged")
    return history.iterations[-1]


def find(history: History, index: int | None) -> Iteration | None:
    return next((iteration for iteration in history.iterations if iteration.index == index), None)


def baseline(history: History) -> Iteration:
    """Iteration 0. Raises ValueError without one: every rule compares with it."""
    found = find(history, BASELINE)
    if found is None:
        raise ValueError("a history without its baseline (iteration 0) cannot be judged")
    return found


def measured(iteration: Iteration | None, name: str) -> Metric | None:
    """The metric where it is there and finite, else None."""
    metric = iteration.metrics.get(name) if iteration else None
    return metric if metric is not None and metric.measured else None


def value(iteration: Iteration | None, name: str) -> float | None:
    """The metric's value where it is there and finite, else None."""
    metric = measured(iteration, name)
    return metric.value if metric else None


def win_rate(iteration: Iteration | None) -> Metric | None:
    """The win rate against the baseline, which is one half for the baseline itself, measured or not."""
    if iteration is not None and iteration.index == BASELINE and not measured(iteration, WIN_RATE):
        return Metric(WIN_RATE, 0.5, "alignment", low=0.5, high=0.5)
    return measured(iteration, WIN_RATE)


def key_name(history: History) -> str:
    """The metric by which an iteration is better than another: the win rate, unless this history has none."""
    known = (name for name in KEYS if any(name in each.metrics for each in history.iterations))
    return next(known, WIN_RATE)


def key(history: History, iteration: Iteration | None) -> Metric | None:
    """The key metric where it was measured."""
    name = key_name(history)
    return win_rate(iteration) if name == WIN_RATE else measured(iteration, name)


def par(history: History) -> float | None:
    """What the key metric must exceed to be better than the baseline: one half for a win rate, else its own value."""
    name = key_name(history)
    return 0.5 if name == WIN_RATE else value(baseline(history), name)


def line(history: History, end: Iteration) -> list[Iteration]:
    """From the first trained iteration to `end` by parents: the iterations that were accepted on the way, baseline out.

    An iteration with a child was accepted, whatever was recommended; abandoned tries are on no other's line.
    """
    found: list[Iteration] = []
    step: Iteration | None = end
    while step is not None and step.index != BASELINE and step not in found:
        found.append(step)
        step = find(history, step.parent)
    return found[::-1]


def children(history: History, parent: int) -> list[Iteration]:
    """Every iteration made from `parent` so far. When the run goes back to `parent`, each of them is abandoned."""
    return [iteration for iteration in history.iterations if iteration.parent == parent]


def settings_of(history: History, index: int) -> Settings:
    """The config that iteration `index` was made with; the run's configured settings for the baseline."""
    iteration = find(history, index)
    if index == BASELINE or iteration is None or not iteration.config:
        return history.config or (iteration.config if iteration else {})
    return iteration.config


def prefixes(history: History) -> list[History]:
    """The history as it stood at each iteration's gate."""
    return [replace(history, iterations=history.iterations[: end + 1]) for end in range(len(history.iterations))]
