"""The text that comes out all alike, and the pairs that went in too few, too close or not clean."""

from __future__ import annotations

from collections.abc import Iterable

from engine.judgement import evidence, tree
from engine.judgement.evidence import Finding
from engine.judgement.figures import above, below, percent, show
from engine.judgement.weaknesses.finding import look, number, weakness
from engine.records import DECONTAMINATION, ENTROPY, PAIRS, PREFERENCE_GAP, History, Weakness


def diversity_collapse(history: History) -> Iterable[Weakness]:
    """Distinct n-grams or entropy below 0.7 of the baseline's. Holm's correction runs over all such metrics."""
    here, start, limit = tree.current(history), tree.baseline(history), history.thresholds.diversity
    found = {
        name: (now, was)
        for name in sorted(here.metrics)
        if name == ENTROPY or name.startswith("distinct_")
        if (now := tree.measured(here, name)) and (was := tree.measured(start, name)) and above(number(was), 0)
    }
    low = {name for name, (now, was) in found.items() if below(number(now) / number(was), limit)}
    if not low:
        return
    findings = evidence.holm({name: evidence.drop(now, was) for name, (now, was) in found.items()}, look(history))
    for name in sorted(low):
        now, was = found[name]
        kept = f"{percent(number(now) / number(was))} of the baseline, below {percent(limit)}"
        detail = f"{name} {show(was.value)} → {show(now.value)}: {kept}"
        yield weakness("diversity_collapse", history, now, limit, "medium", findings[name], detail, against=0)


def data_quality(history: History) -> Iterable[Weakness]:
    """Pairs whose mean preference gap is below 0.15, fewer pairs than configured, or under 0.9 clear of evaluation.

    These are counted over all of the iteration's pairs and not sampled, so that there is nothing to doubt.
    """
    limits = history.thresholds
    rules = (
        (PREFERENCE_GAP, limits.preference_gap, "the mean preference gap is"),
        (PAIRS, float(limits.pairs), "pairs to train on:"),
        (DECONTAMINATION, limits.decontamination, "the share of pairs without overlap with evaluation prompts is"),
    )
    for name, limit, words in rules:
        metric = tree.measured(tree.current(history), name)
        if metric is not None and below(number(metric), limit):
            finding = Finding("confirmed", test="counted over all pairs", n=evidence.size(metric))
            detail = f"{words} {number(metric):.6g}, below {limit:.6g}"
            yield weakness("data_quality", history, metric, limit, "medium", finding, detail)
