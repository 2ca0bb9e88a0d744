"""Runs whose truth is known: five iterations beside a baseline, with no change or with one capability really worse.

Each item has its own chance p of being answered right, drawn once from a Beta distribution, and every iteration answers
it anew. So answers before and after are correlated as real ones are: easy items stay right, hard ones stay wrong, and
the share that flips between two evaluations with no change is `flips` = 2 E[p(1 − p)]. A true regression multiplies
every p of one capability. The baseline's answers are shared by all looks, as in a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.judgement.evidence import Z95
from engine.records import KL, WIN_RATE, Budget, History, Iteration, Metric, Settings

LOOKS = 5
_CONFIG: Settings = {"beta": 0.1, "learning_rate": 5e-7, "max_steps": 1000}
Array = np.ndarray
Measure = Callable[[str, Array], Metric]


@dataclass(frozen=True, slots=True)
class Setting:
    """`capabilities` benchmarks of `n` items, answered right at rate `accuracy`; `effect` is lost of the first one."""

    n: int
    accuracy: float
    flips: float
    effect: float = 0.0
    capabilities: int = 3


def histories(setting: Setting, random: np.random.Generator, measure: Measure) -> Iterator[History]:
    """One run, as it stands at each of its gates; every iteration is made from the one before."""
    chances = _chances(setting, random)
    worse = chances.copy()
    worse[0] *= 1 - setting.effect
    history = History("simulated", (), budget=Budget(LOOKS), config=_CONFIG)
    for index in range(LOOKS + 1):
        answers = (random.random(chances.shape) < (worse if index else chances)).astype(float)
        metrics = {f"task{place}": measure(f"task{place}", row) for place, row in enumerate(answers)}
        history = _with(history, index, metrics)
        if index:
            yield history


def answered(name: str, row: Array) -> Metric:
    """Right or wrong by item."""
    return Metric(name, float(row.mean()), "capability", len(row), items=tuple(row.tolist()))


def published(name: str, row: Array) -> Metric:
    """A value and its n, as a paper gives them."""
    return Metric(name, float(row.mean()), "capability", len(row))


def scored(random: np.random.Generator) -> Measure:
    """Scores between 0 and 1: half for the answer, half for its style, which differs each time."""

    def measure(name: str, row: Array) -> Metric:
        items = row / 2 + random.random(len(row)) / 2
        return Metric(name, float(items.mean()), "capability", len(row), items=tuple(items.tolist()))

    return measure


def clustered(setting: Setting, random: np.random.Generator, samples: int = 4) -> Iterator[History]:
    """Several completions a prompt, whose prompts change together: a fifth of the prompts get a new chance each time.

    Metrics carry the interval of their prompts' means, as the evaluation records it.
    """
    chances = _chances(setting, random)
    history = History("clustered", (), budget=Budget(LOOKS), config=_CONFIG)
    for index in range(LOOKS + 1):
        moved = np.where(random.random(chances.shape) < 0.2, _chances(setting, random), chances)
        answers = (random.random((*chances.shape, samples)) < moved[..., None]).astype(float)
        history = _with(history, index, {f"task{place}": _by_prompt(place, row) for place, row in enumerate(answers)})
        if index:
            yield history


def whole(setting: Setting, random: np.random.Generator, win_rate: float) -> Iterator[History]:
    """Runs with all that a verdict asks for: a win rate, each prompt won at its own chance, and KL within its limit."""
    chances = random.beta(2 * win_rate, 2 - 2 * win_rate, setting.n)
    judged: dict[int, Mapping[str, Metric]] = {}
    for history in histories(setting, random, answered):
        here = history.iterations[-1]
        judged[here.index] = {**here.metrics, **_judged(random.random(setting.n) < chances)}
        known = (replace(each, metrics=judged.get(each.index, each.metrics)) for each in history.iterations)
        yield replace(history, iterations=tuple(known))


def _judged(won: Array) -> Mapping[str, Metric]:
    items = tuple(won.astype(float).tolist())
    rate = Metric(WIN_RATE, math.fsum(items) / len(items), "alignment", len(items), items=items)
    return {WIN_RATE: rate, KL: Metric(KL, 0.05, "quality")}


def _by_prompt(place: int, row: Array) -> Metric:
    means = row.mean(axis=1)
    half = Z95 * float(means.std(ddof=1)) / math.sqrt(len(means))
    value, items = float(means.mean()), tuple(row.ravel().tolist())
    return Metric(f"task{place}", value, "capability", len(items), value - half, value + half, items)


def _with(history: History, index: int, metrics: Mapping[str, Metric]) -> History:
    iteration = Iteration(index, index - 1 if index else None, "evaluated", _CONFIG, metrics)
    return replace(history, iterations=(*history.iterations, iteration))


def _chances(setting: Setting, random: np.random.Generator) -> Array:
    """Beta with the accuracy as its mean, as spread as the flip rate says."""
    share = setting.flips / (2 * setting.accuracy * (1 - setting.accuracy))
    weight = share / (1 - share)
    shape = (setting.capabilities, setting.n)
    return random.beta(setting.accuracy * weight, (1 - setting.accuracy) * weight, shape)
