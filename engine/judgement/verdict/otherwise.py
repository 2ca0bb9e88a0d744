"""What would have changed a verdict: the same rules, asked again with one thing different.

Each line is computed: a figure of this iteration is moved to the threshold that it crossed or could have crossed, the
case is opened anew, and what the rules say then is kept where it is something else. A line holds all else as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.judgement import tree
from engine.judgement.figures import above, below, listed, p_value, percent, show
from engine.judgement.verdict.case import Case, Ruling, open_case, reopen
from engine.judgement.verdict.limits import overspent
from engine.judgement.verdict.rows import WEARING, rose, rule
from engine.judgement.verdict.words import key, name, plain
from engine.judgement.weaknesses import sure
from engine.records import ALIGNMENT_SCORE, KL, WIN_RATE, History, Iteration, Metric, Verdict, Weakness

_STEP = 1e-6  # just past a threshold: more than a comparison rounds away, less than a figure shows
_LOSSES = frozenset({"capability_regression", "creeping_regression"})
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that might have been different, in words, and the case as it would have been then."""

    words: str
    case: Case


def otherwise(case: Case, ruling: Ruling) -> tuple[str, ...]:
    """A line for each turn that the rules would have answered differently; one line says so where there is none."""
    said = ruling.verdict
    repairs = [*_repairs(case)]
    singles = [(turn, rule(turn.case).verdict) for turn in [*repairs, *_turns(case, ruling)]]
    changed = [(turn, other) for turn, other in singles if (other.action, other.to) != (said.action, said.to)]
    if len(repairs) > 1 and not any(other.action in {"accept", "finish"} for _, other in changed):
        together = _together(case, repairs)
        other = rule(together.case).verdict
        changed += [(together, other)] if other.action in {"accept", "finish"} and other.action != said.action else []
    lines = tuple(dict.fromkeys(f"{_said(other)}, {turn.words}" for turn, other in changed))
    return lines[:_SHOWN] or (f"no single figure of {name(case.here.index)} would have changed this",)


def _said(verdict: Verdict) -> str:
    where = {"retry": "from", "rollback": "to", "finish": "with"}.get(verdict.action)
    return f"{verdict.action} {where} {name(verdict.to)}" if where and verdict.to is not None else verdict.action


def _repairs(case: Case) -> Iterator[Turn]:
    """Each limit that was broken, just kept."""
    if case.here.index == tree.BASELINE:
        return
    if case.failed and (whole := _whole(case)):
        yield whole
    yield from _kept(case)
    if (kl := tree.value(case.here, KL)) is not None and above(kl, limit := case.history.thresholds.kl):
        words = f"had KL stayed within {show(limit)} nats a token (it is {show(kl)})"
        yield Turn(words, _with(case, KL, limit))
    for metric in case.floored:
        floor, had = case.history.thresholds.floors[metric], show(tree.value(case.here, metric))
        words = f"had {plain(metric)} reached its floor of {show(floor)} (it is {had})"
        yield Turn(words, _with(case, metric, floor))


def _kept(case: Case) -> Iterator[Turn]:
    """Each capability at its threshold against the baseline, or where the parent's was if it crept away."""
    limits, start = case.history.thresholds, tree.baseline(case.history)
    for metric in sorted({weakness.metric for weakness in case.weaknesses if weakness.type in _LOSSES}):
        was, now = tree.value(start, metric), tree.value(case.here, metric)
        held = tree.value(tree.find(case.history, case.parent), metric)
        if was is None or now is None:
            continue
        least = limits.retention * was if above(was, 0) else was - limits.zero_baseline_drop
        if below(now, least):
            share = f"{percent(limits.retention)} of the baseline ({show(least)}; it has {show(now)})"
            kept = share if above(was, 0) else f"{show(least)} (it has {show(now)})"
            yield Turn(f"had {metric} kept {kept}", _with(case, metric, least))
        elif held is not None:
            words = f"had {metric} not lost again ({show(held)} → {show(now)})"
            yield Turn(words, _with(case, metric, max(held, now)))


def _whole(case: Case) -> Turn | None:
    """The failed evaluation made whole: what is missing, as it was last measured; None where it never was."""
    here = replace(case.here, status="evaluated", fault="")
    for metric in case.failures:
        if (last := _last(case, metric)) is None:
            return None
        here = _moved(case.history, here, metric, last)
    what = f"{listed([*case.failures])} been measured and been as before" if case.failures else "it not failed"
    return Turn(f"had {what}", reopen(case, here))


def _last(case: Case, metric: str) -> float | None:
    earlier = [tree.find(case.history, case.parent), *case.history.iterations[-2::-1]]
    values = (tree.value(each, metric) for each in earlier)
    known = next((value for value in values if value is not None), case.history.thresholds.floors.get(metric))
    return 0.5 if known is None and metric == WIN_RATE else known


def _together(case: Case, repairs: list[Turn]) -> Turn:
    """All that was broken kept at once: each turn's figures laid over one another."""
    moved: dict[str, Metric] = {}
    for turn in repairs:
        metrics = turn.case.here.metrics
        moved.update({name: metric for name, metric in metrics.items() if case.here.metrics.get(name) is not metric})
    here = replace(case.here, status="evaluated", fault="", metrics={**case.here.metrics, **moved})
    return Turn("; and ".join(turn.words for turn in repairs), reopen(case, here))


def _turns(case: Case, ruling: Ruling) -> Iterator[Turn]:
    """Everything else that a row looks at."""
    if case.here.index == tree.BASELINE:
        yield from _unmeasured(case)
        return
    yield from _budget(case, ruling)
    yield from _tries(case, ruling)
    for source in (_doubted, _key, _goal, _settled, _drift):
        yield from source(case)


def _unmeasured(case: Case) -> Iterator[Turn]:
    names = sorted(name for name, metric in case.here.metrics.items() if metric.group == "capability")
    good = [metric for metric in names if tree.measured(case.here, metric)]
    if case.failures:
        here = replace(case.here, status="evaluated")
        whole = replace(case, here=here, failures=())
        yield Turn(f"had {listed([*case.failures])} been measured", whole)
    elif good:
        yield Turn(f"had {good[0]} not been measured", replace(case, failures=(good[0],)))


def _budget(case: Case, ruling: Ruling) -> Iterator[Turn]:
    if ruling.verdict.action == "finish" and overspent(case.history):
        budget = case.history.budget
        limit = None if budget.iterations is None else max(budget.iterations, len(case.history.iterations))
        more = replace(budget, iterations=limit, wall_hours=None, gpu_hours=None)
        yield Turn("had the budget room for another iteration", open_case(replace(case.history, budget=more)))


def _tries(case: Case, ruling: Ruling) -> Iterator[Turn]:
    if ruling.verdict.action == "rollback":
        limits = case.history.thresholds
        more = replace(limits, retries=len(case.history.iterations))
        words = f"were more than {limits.retries} retries allowed"
        yield Turn(words, open_case(replace(case.history, thresholds=more)))


def _doubted(case: Case) -> Iterator[Turn]:
    """What is suspected, confirmed; what is confirmed and wearing, not so."""
    for weakness in case.weaknesses:
        if weakness.type not in _LOSSES | WEARING:
            continue
        others = tuple(each for each in case.weaknesses if each is not weakness)
        if not sure(weakness):
            words = f"if the {plain(weakness.type)} in {_about(weakness)} were confirmed"
            sure_of_it = replace(weakness, evidence="confirmed")
            best = case.previous if weakness.type in _LOSSES else case.best
            yield Turn(words, replace(case, weaknesses=(*others, sure_of_it), best=best))
        elif weakness.type in WEARING:
            words = f"were the {plain(weakness.type)} in {_about(weakness)} not so sure"
            yield Turn(words, replace(case, weaknesses=others))


def _about(weakness: Weakness) -> str:
    p = f", {p_value(weakness.p_value)}" if weakness.p_value is not None else ""
    return f"{weakness.metric} ({weakness.evidence.replace('_', ' ')}{p})"


def _key(case: Case) -> Iterator[Turn]:
    """The key metric just risen, or just not; and at the limit that the quality gates ask for."""
    now, was, par, metric = case.now, case.was, tree.par(case.history), tree.key_name(case.history)
    if now is None or was is None or now.value is None or was.value is None:
        return
    bar = was.value if par is None else max(was.value, par)
    if rose(case):
        words = f"had the {key(case)} not risen above {show(bar)} (it is {show(now.value)})"
        yield Turn(words, _with(case, metric, bar))
    else:
        words = f"had the {key(case)} risen above {show(bar)} (it is {show(now.value)})"
        yield Turn(words, _with(case, metric, bar + _STEP))
    limit = case.history.thresholds.win_rate
    if metric == WIN_RATE and below(now.value, limit):
        words = f"had the win rate reached {show(limit)} (it is {show(now.value)})"
        yield Turn(words, _with(case, metric, limit))


def _goal(case: Case) -> Iterator[Turn]:
    score, goal = tree.value(case.here, ALIGNMENT_SCORE), case.history.thresholds.alignment_goal
    if score is None:
        return
    reached = above(score, goal)
    words = f"had the alignment score {'not passed' if reached else 'passed'} {show(goal)} (it is {show(score)})"
    yield Turn(words, _with(case, ALIGNMENT_SCORE, goal if reached else goal + _STEP))


def _settled(case: Case) -> Iterator[Turn]:
    """Convergence and diminishing returns the other way round."""
    found, least = case.convergence, case.history.thresholds.diminishing_gain
    if found.spread is not None:
        not_so = "reached" if found.converged else "stayed below"
        words = f"had the spread of the {key(case)} {not_so} {show(found.margin)} (it is {show(found.spread)})"
        yield Turn(words, replace(case, convergence=replace(found, converged=not found.converged)))
    if case.gained is not None and below(case.gained, least):
        words = f"had the last {case.history.thresholds.diminishing_iterations} iterations gained {show(least)}"
        yield Turn(f"{words} (they gained {show(case.gained)})", replace(case, gained=least))


def _drift(case: Case) -> Iterator[Turn]:
    kl, limit = tree.value(case.here, KL), case.history.thresholds.kl
    if kl is not None and not above(kl, limit):
        words = f"had KL passed {show(limit)} nats a token (it is {show(kl)})"
        yield Turn(words, _with(case, KL, limit + _STEP))


def _with(case: Case, metric: str, value: float) -> Case:
    """The case with one figure of its iteration moved."""
    return reopen(case, _moved(case.history, case.here, metric, value))


def _moved(history: History, here: Iteration, metric: str, value: float) -> Iteration:
    """The iteration with one figure moved, as a value and its n: no items say how it got there."""
    known = [each.metrics[metric] for each in reversed(history.iterations) if metric in each.metrics]
    old = known[0] if known else Metric(metric, None)
    n = len(old.items) if old.items else old.n
    moved = replace(old, value=value, n=n, items=None, categories=None, low=None, high=None)
    return replace(here, metrics={**here.metrics, metric: moved})
