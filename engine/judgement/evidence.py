"""How sure a finding is: the tests behind `confirmed`, `suspected` and `too few samples`.

Every iteration is evaluated on the same items, so a comparison pairs by item: exact McNemar for right/wrong items, a
bootstrap over prompts for scores. Where only a value and its n are known, as in a published table, the unpaired bound
is used and named. All tests are one-sided, since each asks one question ("did it get worse?"), and deterministic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist

from engine.judgement.figures import p_value, show
from engine.records import Evidence, Metric

TOO_FEW = 20  # below this many samples nothing is called suspected: a finding is confirmed, or there are too few
_RESAMPLES = 2000
_CHUNK = 200
_FAR = 10  # fewer resamples than this past zero say too little of a tail that corrected levels reach into
_MOST_DRAWS = 20_000_000  # past this the mean is normal for all purposes, and resampling takes seconds
_PLANNED = 5  # looks that α is spread over where the budget does not say
_SEED = 0
_CLUSTERED = 1.25  # an interval this much wider (in variance) than its items alone: several samples share a prompt
_NORMAL = NormalDist()
Z95 = _NORMAL.inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a test says: how sure, with which p-value (None where nothing could be tested), by which test."""

    evidence: Evidence
    p: float | None = None
    test: str = ""
    n: int | None = None


def level(confidence: float, planned: int | None, look: int | None = None, among: int = 1) -> float:
    """α for one look, so that a whole run cries wolf at most 1 − confidence.

    Spread evenly over the planned looks. Where none are planned, look k (from 1) gets 1/k(k+1) of it, which sums to no
    more than the whole however long the run goes on; where `look` is not given either, five looks share it. `among` is
    how many iterations the one compared with was picked from for being the best: luck made it look better than it is.
    """
    total = (1 - confidence) / max(among, 1)
    if planned is None and look is not None:
        return total / (look * (look + 1))
    return total / max(_PLANNED if planned is None else planned, 1)


def drop(now: Metric, before: Metric) -> Finding:
    """Is `now` really lower than `before`? The evidence is for a family of one; `holm` weighs several together."""
    paired = _pair(now, before)
    if paired is None:
        return _unpaired(now, before)
    effect = max(_design_effect(now), _design_effect(before))
    return _finding(*(_paired(*paired) if effect < _CLUSTERED else _clustered(*paired, effect)))


def holm(findings: Mapping[str, Finding], alpha: float) -> dict[str, Finding]:
    """Holm's step-down over a family of findings: `confirmed` where the corrected test rejects (Holm 1979)."""
    tested = sorted((f.p, name) for name, f in findings.items() if f.p is not None)
    confirmed: set[str] = set()
    for rank, (p, name) in enumerate(tested):
        if p > alpha / (len(tested) - rank):
            break
        confirmed.add(name)
    return {name: _weighed(finding, name in confirmed) for name, finding in findings.items()}


def exceeds(metric: Metric, limit: float) -> Finding:
    """Is a single measured value really above `limit`? Confirmed where its whole 95 % interval is."""
    bounds = interval(metric)
    if bounds is None:
        return Finding("suspected", test="value alone, no interval", n=metric.n)
    return Finding("confirmed" if bounds[0] > limit else "suspected", test=_within(bounds), n=size(metric))


def falls_short(metric: Metric, limit: float) -> Finding:
    """Is a single measured rate really below `limit`? Confirmed where its whole 95 % interval is."""
    bounds, n = interval(metric), size(metric)
    if bounds is None:
        return Finding("too_few_samples", test="value alone, n unknown", n=n)
    sure = bounds[1] < limit
    return _weighed(Finding("suspected", None, _within(bounds), n), sure)


def interval(metric: Metric) -> tuple[float, float] | None:
    """A 95 % interval: as recorded, else Wilson's for a rate with known n, else the mean's of its items; or None."""
    if metric.low is not None and metric.high is not None:
        return metric.low, metric.high
    if metric.value is None or not (n := size(metric)):
        return None
    if _is_rate(metric):
        return wilson(metric.value, n)
    error = _standard_error(metric)
    return None if error is None else (metric.value - Z95 * error, metric.value + Z95 * error)


def difference(now: Metric, before: Metric) -> tuple[float, float, str] | None:
    """By how much `now` differs from `before`, its standard error, and how they were compared; None where unknown.

    Paired by item where both have items, else from their intervals as two independent samples.
    """
    if paired := _pair(now, before):
        return *_moved(*paired, max(_design_effect(now), _design_effect(before))), "paired"
    bounds = [interval(now), interval(before)]
    if bounds[0] is None or bounds[1] is None or now.value is None or before.value is None:
        return None
    errors = [(high - low) / (2 * Z95) for low, high in (bounds[0], bounds[1])]
    return now.value - before.value, math.hypot(*errors), "unpaired"


def wilson(rate: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval for a rate over n samples; ties may count one half."""
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def _is_rate(metric: Metric) -> bool:
    """A share of items: what a count alone gives an interval. KL, too, lies between 0 and 1, but is none."""
    values = (metric.value or 0.0, *(metric.items or ()))
    return metric.group != "quality" and all(0 <= value <= 1 for value in values)


def size(metric: Metric) -> int | None:
    return len(metric.items) if metric.items else metric.n


def _pair(now: Metric, before: Metric) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    if not now.items or not before.items or len(now.items) != len(before.items):
        return None
    if not all(map(math.isfinite, now.items)) or not all(map(math.isfinite, before.items)):
        return None
    return now.items, before.items


@lru_cache(maxsize=512)  # an earlier iteration is weighed again at each later gate
def _paired(now: tuple[float, ...], before: tuple[float, ...]) -> tuple[float, str, int]:
    if {*now, *before} <= {0.0, 1.0}:
        return (*_mcnemar(now, before), len(now))
    return (*_bootstrap(now, before), len(now))


def _mcnemar(now: tuple[float, ...], before: tuple[float, ...]) -> tuple[float, str]:
    """Exact: were the items that changed as likely to be won as lost? (McNemar 1947; binomial tail)"""
    from scipy.special import bdtr  # scipy takes half a second to import; only a gate needs it

    lost = sum(old > new for old, new in zip(before, now, strict=True))
    won = sum(old < new for old, new in zip(before, now, strict=True))
    p = float(bdtr(won, lost + won, 0.5)) if lost + won else 1.0
    return p, f"exact McNemar, {len(now)} paired items: {lost} lost, {won} won"


def _bootstrap(now: tuple[float, ...], before: tuple[float, ...]) -> tuple[float, str]:
    """Share of resampled prompt sets whose mean difference is not a loss, with one added so that p is never 0.

    Far out, where a handful of resamples would decide and a large family's level lies below 1/2000, z takes over.
    """
    import numpy as np

    difference = np.subtract(now, before)
    random, n = np.random.default_rng(_SEED), len(difference)
    if n * _RESAMPLES > _MOST_DRAWS:
        return _clustered(now, before, 1.0)[:2]
    means = [difference[random.integers(0, n, (_CHUNK, n))].mean(axis=1) for _ in range(_RESAMPLES // _CHUNK)]
    kept = int((np.concatenate(means) >= 0).sum())
    test = f"bootstrap paired by prompt, {n} prompts, {_RESAMPLES} resamples"
    if kept < _FAR:
        return _clustered(now, before, 1.0)[0], f"{test}, the tail by z"
    return (kept + 1) / (_RESAMPLES + 1), test


def _clustered(now: tuple[float, ...], before: tuple[float, ...], effect: float) -> tuple[float, str, int]:
    """z of the paired differences, its variance times the design effect (Kish 1965)."""
    (mean, error), n = _moved(now, before, effect), len(now)
    p = _NORMAL.cdf(mean / error) if error else float(mean >= 0)
    widened = f", variance × {effect:.2g} for samples that share a prompt" if effect >= _CLUSTERED else ""
    return p, f"z of the paired differences, {n} items{widened}", n


def _moved(now: tuple[float, ...], before: tuple[float, ...], effect: float) -> tuple[float, float]:
    """Mean of the paired differences and its standard error."""
    n = len(now)
    differences = [new - old for new, old in zip(now, before, strict=True)]
    mean = math.fsum(differences) / n
    return mean, math.sqrt(effect * math.fsum((each - mean) ** 2 for each in differences) / max(n - 1, 1) / n)


def _design_effect(metric: Metric) -> float:
    """How much wider the recorded interval is, in variance, than independent items would give; at least 1."""
    if not metric.items or metric.low is None or metric.high is None:
        return 1.0
    alone = _standard_error(replace(metric, low=None, high=None)) or 0.0
    if metric.value is not None and all(0 <= item <= 1 for item in metric.items):
        low, high = wilson(metric.value, len(metric.items))
        alone = max(alone, (high - low) / (2 * Z95))
    return max(1.0, ((metric.high - metric.low) / (2 * Z95 * alone)) ** 2) if alone else 1.0


def _unpaired(now: Metric, before: Metric) -> Finding:
    """Two independent samples, which bounds the paired case from above: a drop it confirms, pairing would too."""
    n = size(now) or size(before)
    now, before = (m if size(m) else replace(m, n=n) for m in (now, before))  # same items each time, so same n
    errors = [_standard_error(now), _standard_error(before)]
    if now.value is None or before.value is None or errors[0] is None or errors[1] is None:
        return Finding("too_few_samples", test="values alone, n unknown", n=n)
    spread = math.hypot(errors[0], errors[1])
    p = _NORMAL.cdf((now.value - before.value) / spread) if spread else 1.0
    return _finding(p, f"unpaired z of two rates, n = {n}" if n else "unpaired z from the intervals", n or TOO_FEW)


def _standard_error(metric: Metric) -> float | None:
    """Of the value: from items, else from a rate and its n (two pseudo-counts, so that 0 and 1 are uncertain too)."""
    if metric.items and len(metric.items) > 1 and all(map(math.isfinite, metric.items)):
        mean = math.fsum(metric.items) / len(metric.items)
        total = math.fsum((item - mean) ** 2 for item in metric.items)
        return math.sqrt(total / (len(metric.items) - 1) / len(metric.items))
    if metric.low is not None and metric.high is not None:
        return (metric.high - metric.low) / (2 * Z95)
    if metric.n and metric.value is not None and _is_rate(metric):
        rate = (metric.value * metric.n + 1) / (metric.n + 2)
        return math.sqrt(rate * (1 - rate) / metric.n)
    return None


def _finding(p: float, test: str, n: int) -> Finding:
    return Finding("suspected" if n >= TOO_FEW else "too_few_samples", p, f"{test}, {p_value(p)}", n)


def _weighed(finding: Finding, sure: bool) -> Finding:
    if sure:
        return replace(finding, evidence="confirmed")
    few = finding.n is None or finding.n < TOO_FEW
    return replace(finding, evidence="too_few_samples" if few else "suspected")


def _within(bounds: tuple[float, float]) -> str:
    return f"95 % interval {show(bounds[0])} to {show(bounds[1])}"
