"""Over-optimisation: the judge that is trained on sees gains that no other measure sees (Gao et al. 2022)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from engine.judgement import evidence, tree
from engine.judgement.evidence import TOO_FEW, Finding
from engine.judgement.figures import above, show
from engine.judgement.weaknesses.finding import least_sure, look, number, weakness, weighed
from engine.records import (
    HELD_OUT_JUDGE,
    KEPT_LOOK,
    LENGTH_RATIO,
    PEAK_LOOK,
    PREFERENCE_ACCURACY,
    TRAINING_JUDGE,
    WIN_RATE,
    History,
    Iteration,
    Metric,
    Weakness,
)

LENGTH = "length"


@dataclass(frozen=True, slots=True)
class _Growth:
    """Completions that grew past the limit: `times` the baseline's length."""

    metric: Metric
    times: float
    finding: Finding


def over_optimisation(history: History) -> Iterable[Weakness]:
    """The training judge rises from the parent while a held-out measure falls, or length grows past 1.5×.

    Moves smaller than a gain that counts (0.01, of the value where that is above 1) are none. Sure where rise and fall
    both are, or where the length is; and where both signs show at once, since neither explains the other.
    """
    yield from _overshot(history)
    growth, split = _growth(history), dict(_splits(history))
    findings = evidence.holm({name: finding for name, (_, _, finding) in split.items()}, look(history))
    for name, (now, words, _) in split.items():
        finding, parent = findings[name], tree.current(history).parent
        if growth:
            finding, words = _agreed(finding, growth), f"{words}, and length ×{show(growth.times)}"
        yield weakness("over_optimisation", history, now, 0.0, "high", finding, words, against=parent)
    if growth and not split:
        limit = history.thresholds.length_growth
        detail = f"completions are {show(growth.times)} times as long as the baseline's, above {show(limit)}"
        yield weakness("over_optimisation", history, growth.metric, limit, "high", growth.finding, detail, against=0)


def _overshot(history: History) -> Iterable[Weakness]:
    """Training went on past its peak: the policy that was kept pleases the held-out judge less than an earlier one did.

    Both looks are at the same prompts. The peak was picked for being high, so the fall has to be sure by itself.
    """
    here, least = tree.current(history), history.thresholds.diminishing_gain
    kept, peak = tree.measured(here, KEPT_LOOK), tree.measured(here, PEAK_LOOK)
    if kept is None or peak is None or not _rose(kept, peak, least):
        return
    finding = weighed(history, evidence.drop(kept, peak))
    detail = f"the held-out judge fell from {show(peak.value)} to {show(kept.value)} while training went on"
    yield weakness("over_optimisation", history, kept, number(peak), "high", finding, detail)


def _splits(history: History) -> Iterator[tuple[str, tuple[Metric, str, Finding]]]:
    """Each held-out metric that fell while the training judge rose, in words, and the weaker of both tests."""
    here, parent, least = *_step(history), history.thresholds.diminishing_gain
    trained = _training_judge(history)
    if parent is None or not trained:
        return
    now, was = _read(here, trained), _read(parent, trained)
    if now is None or was is None or not _rose(was, now, least):
        return
    for name in sorted(name for name in here.metrics if name != trained and _is_held_out(history, name)):
        after, before = _read(here, name), _read(parent, name)
        if after is not None and before is not None and _rose(after, before, least):
            finding = least_sure((evidence.drop(was, now), evidence.drop(after, before)))
            rise = f"{trained} rises {show(was.value)} → {show(now.value)}"
            yield name, (after, f"{rise} while {name} falls {show(before.value)} → {show(after.value)}", finding)


def _growth(history: History) -> _Growth | None:
    here, start, limit = tree.current(history), tree.baseline(history), history.thresholds.length_growth
    ratio, now, was = tree.measured(here, LENGTH_RATIO), tree.measured(here, LENGTH), tree.measured(start, LENGTH)
    if ratio is not None:
        grown = above(number(ratio), limit)
        return _Growth(ratio, number(ratio), evidence.exceeds(ratio, limit)) if grown else None
    if now is None or was is None or not above(number(was), 0):
        return None
    times = number(now) / number(was)
    if not above(times, limit):
        return None
    return _Growth(now, times, weighed(history, evidence.drop(_times(was, limit), now)))


def _agreed(finding: Finding, growth: _Growth) -> Finding:
    """Two signs at once are sure, unless the samples behind either are known to be too few."""
    counts = [n for n in (finding.n, growth.finding.n) if n is not None]
    if finding.evidence == "confirmed" or any(n < TOO_FEW for n in counts):
        return finding
    return replace(finding, evidence="confirmed", test=f"two signs agree; {finding.test}")


def _training_judge(history: History) -> str:
    """The metric of the judge that is trained on: its own score, or in tables without one the win rate it gives.

    The win rate is the held-out judge's where one is named, and then says nothing of the training judge.
    """
    if _known(history, TRAINING_JUDGE):
        return TRAINING_JUDGE
    return "" if _known(history, HELD_OUT_JUDGE) else WIN_RATE


def _is_held_out(history: History, name: str) -> bool:
    """Not trained on: a second judge, accuracy on held-out pairs, a win rate with length controlled (AlpacaEval 2)."""
    words = set(re.split(r"[\W_]+", name.lower()))
    controlled = "lc" in words or {"length", "controlled"} <= words
    judged_elsewhere = name == WIN_RATE and _known(history, HELD_OUT_JUDGE)
    return name in {HELD_OUT_JUDGE, PREFERENCE_ACCURACY} or controlled or judged_elsewhere


def _known(history: History, name: str) -> bool:
    return tree.measured(tree.current(history), name) is not None


def _step(history: History) -> tuple[Iteration, Iteration | None]:
    here = tree.current(history)
    return here, tree.find(history, here.parent)


def _read(iteration: Iteration, name: str) -> Metric | None:
    return tree.win_rate(iteration) if name == WIN_RATE else tree.measured(iteration, name)


def _rose(was: Metric, now: Metric, least: float) -> bool:
    return above(number(now) - number(was), least * max(1.0, abs(number(was))))


def _times(metric: Metric, factor: float) -> Metric:
    def more(value: float | None) -> float | None:
        return None if value is None else value * factor

    items = None if metric.items is None else tuple(item * factor for item in metric.items)
    return replace(metric, value=more(metric.value), low=more(metric.low), high=more(metric.high), items=items)
