"""Capabilities that are lost: all at once against the baseline, in one category alone, or a little every iteration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from engine.judgement import evidence, tree
from engine.judgement.evidence import Finding
from engine.judgement.figures import above, below, percent, show
from engine.judgement.weaknesses.finding import look, number, trail, weakness
from engine.judgement.weaknesses.parts import paired, parts
from engine.records import History, Iteration, Metric, Severity, Thresholds, Weakness

SLIDE = 3  # losses in a row that make a slide: with no true change, four values fall in order once in 24 times
_CATEGORIES = 0.2  # of α goes to the categories, so that fifty of them do not cost the whole metrics their power

_Pair = tuple[Metric, Metric]


def capability_regression(history: History) -> Iterable[Weakness]:
    """A capability below 0.95 of the baseline's; from a baseline of 0 or less, where a ratio says nothing, 0.05 lower.

    Holm's correction runs over every capability measured, not only those below the threshold. A category is named only
    where it falls with evidence and its metric as a whole does not: of many small parts some always look low.
    """
    limits, wholes = history.thresholds, _capabilities(history)
    narrow = {(name, key): pair for name, whole in wholes.items() for key, pair in _by_category(*whole)}
    narrow = narrow if history.evidence else {}
    if not any(_loss(*pair, limits) for pair in (*wholes.values(), *narrow.values())):
        return
    share = _CATEGORIES if narrow else 0.0
    findings = _weigh(wholes, look(history) * (1 - share))
    for name, (now, was) in wholes.items():
        if severity := _loss(now, was, limits):
            yield _regression(history, (now, was), severity, findings[name])
    found = _weigh({f"{name}\0{key}": pair for (name, key), pair in narrow.items()}, look(history) * share)
    for (name, key), (now, was) in narrow.items():
        severity, finding = _loss(now, was, limits), found[f"{name}\0{key}"]
        alone = not (findings[name].evidence == "confirmed" and _loss(*wholes[name], limits))
        if severity and alone and finding.evidence == "confirmed":
            yield _regression(history, (now, was), severity, finding, key)


def creeping_regression(history: History) -> Iterable[Weakness]:
    """A capability that loses a little in each of the last three iterations or more, never 0.05 of it at once.

    Held against where the slide began, which may be the baseline. Holm's correction runs over every capability, those
    that do not slide over as many iterations as a slide takes.
    """
    steps = trail(history)
    if len(steps) <= SLIDE:
        return
    names = sorted(name for name, metric in steps[-1].metrics.items() if metric.group == "capability")
    slides = {name: _slide(steps, name, history.thresholds.retention) for name in names}
    if not any(len(slide) > SLIDE for slide in slides.values()):
        return
    starts = {name: slide[0] if len(slide) > SLIDE else steps[-1 - SLIDE] for name, slide in slides.items()}
    found = {
        name: (now, was)
        for name, start in starts.items()
        if (now := tree.measured(steps[-1], name)) and (was := tree.measured(start, name))
    }
    findings = _weigh(found, look(history))
    for name, (now, was) in found.items():
        if (losses := len(slides[name]) - 1) >= SLIDE:
            detail = f"{name} {show(was.value)} → {show(now.value)}, a little lower in each of {losses} iterations"
            limit, start = history.thresholds.retention, starts[name].index
            yield weakness("creeping_regression", history, now, limit, "high", findings[name], detail, against=start)


def _capabilities(history: History) -> dict[str, _Pair]:
    """Each capability measured now and in the baseline, in alphabetical order."""
    here, start = tree.current(history), tree.baseline(history)
    return {
        name: (now, was)
        for name, was in sorted(start.metrics.items())
        if was.group == "capability" and was.measured and (now := tree.measured(here, name))
    }


def _by_category(now: Metric, was: Metric) -> Iterator[tuple[str, _Pair]]:
    if paired(now, was):
        before = parts(was)
        yield from ((key, (part, before[key])) for key, part in parts(now).items() if key in before)


def _weigh(pairs: Mapping[str, _Pair], alpha: float) -> dict[str, Finding]:
    return evidence.holm({name: evidence.drop(now, was) for name, (now, was) in pairs.items()}, alpha)


def _regression(history: History, pair: _Pair, severity: Severity, finding: Finding, category: str = "") -> Weakness:
    now, was = pair
    limits, start = history.thresholds, tree.BASELINE
    limit = limits.retention if above(number(was), 0) else limits.zero_baseline_drop
    detail = _fallen(now, was, limits, f"{now.name} in {category}" if category else now.name)
    return weakness(
        "capability_regression", history, now, limit, severity, finding, detail, category=category, against=start
    )


def _loss(now: Metric, was: Metric, limits: Thresholds) -> Severity | None:
    """How badly a capability fell, or None where it held."""
    if above(number(was), 0):
        kept = number(now) / number(was)
        if below(kept, limits.critical_retention):
            return "critical"
        return "high" if below(kept, limits.retention) else None
    lost, limit = number(was) - number(now), limits.zero_baseline_drop
    return "critical" if above(lost, 2 * limit) else "high" if above(lost, limit) else None


def _fallen(now: Metric, was: Metric, limits: Thresholds, name: str) -> str:
    change = f"{name} {show(was.value)} → {show(now.value)}"
    if not above(number(was), 0):
        return f"{change}: {show(number(was) - number(now))} lower, more than {show(limits.zero_baseline_drop)}"
    return f"{change}: {percent(number(now) / number(was))} of the baseline, below {percent(limits.retention)}"


def _slide(steps: list[Iteration], name: str, retention: float) -> list[Iteration]:
    """The iterations up to the last over which the metric only fell, each time by no more than retention allows."""
    slide = steps[-1:]
    for step in reversed(steps[:-1]):
        now, was = tree.value(slide[0], name), tree.value(step, name)
        if now is None or was is None or not above(was, 0):
            break
        if not below(now, was) or below(now / was, retention):
            break
        slide.insert(0, step)
    return slide
