"""How the key metric moves along the line of accepted iterations. The baseline's one half would force every trend to
begin with a gain, so it is no part of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from engine.judgement import evidence, tree
from engine.judgement.figures import above, below, show, signed
from engine.judgement.weaknesses.finding import least_sure, number, weakness, weighed
from engine.records import ALIGNMENT_SCORE, WIN_RATE, History, Metric, Weakness

_TURNS = 3  # improves, degrades, improves


def alternating(history: History) -> Iterable[Weakness]:
    """The key metric rose, fell and rose again over the last four accepted iterations. Sure where each turn is."""
    rates = _last(history, _TURNS + 1)
    if not rates or not all(_moved(*turn, place) for place, turn in enumerate(pairwise(rates))):
        return
    tests = [
        evidence.drop(now, was) if place % 2 else evidence.drop(was, now)
        for place, (was, now) in enumerate(pairwise(rates))
    ]
    finding = weighed(history, least_sure(tests))
    path = " → ".join(show(rate.value) for rate in rates)
    detail = f"{_word(rates[-1])} up, down and up again: {path}"
    against = tree.current(history).parent
    yield weakness("alternating", history, rates[-1], 0.0, "medium", finding, detail, against=against)


def slow_convergence(history: History) -> Iterable[Weakness]:
    """The key metric gained less than 0.01 from first to last of the recent accepted iterations, its goal unmet."""
    limits = history.thresholds
    rates = _last(history, limits.slow_iterations)
    if not rates or not _goal_unmet(history):
        return
    first, last = rates[0], rates[-1]
    gained = number(last) - number(first)
    if not below(gained, limits.slow_gain):
        return
    finding = weighed(history, evidence.drop(last, _raised(first, limits.slow_gain)))
    span, against = len(rates), tree.line(history, tree.current(history))[-len(rates)].index
    detail = f"{_word(last)} {signed(gained)} over {span} iterations, less than {show(limits.slow_gain)}"
    yield weakness("slow_convergence", history, last, limits.slow_gain, "low", finding, detail, against=against)


def _last(history: History, count: int) -> list[Metric]:
    """The key metric of the last `count` accepted iterations; nothing while they are fewer, or one has none."""
    steps = tree.line(history, tree.current(history))[-count:]
    rates = [rate for step in steps if (rate := tree.key(history, step))]
    return rates if len(rates) == count else []


def _moved(was: Metric, now: Metric, place: int) -> bool:
    """Up at even places, down at odd ones."""
    return below(number(now), number(was)) if place % 2 else above(number(now), number(was))


def _goal_unmet(history: History) -> bool:
    """The win rate is below its limit, or the alignment score not yet above its goal. Without either there is none."""
    here, limits = tree.current(history), history.thresholds
    rate, score = tree.value(here, WIN_RATE), tree.value(here, ALIGNMENT_SCORE)
    short = rate is not None and below(rate, limits.win_rate)
    return short or (score is not None and not above(score, limits.alignment_goal))


def _raised(metric: Metric, by: float) -> Metric:
    """The metric as it would be `by` higher, which a smaller gain falls short of."""

    def up(value: float | None) -> float | None:
        return None if value is None else value + by

    items = None if metric.items is None else tuple(item + by for item in metric.items)
    return replace(metric, value=up(metric.value), low=up(metric.low), high=up(metric.high), items=items)


def _word(metric: Metric) -> str:
    return "win rate" if metric.name == WIN_RATE else metric.name.replace("_", " ")
