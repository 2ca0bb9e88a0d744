"""One weakness in full: its numbers with their intervals, how it was weighed, and the items that went another way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.text import Text

from engine.records import KL, PREFERENCE_ACCURACY, WIN_RATE, Answer, Metric, Weakness
from tui.plot.intervals import Bar
from tui.presenters.names import LOWER_IS_BETTER, short
from tui.presenters.numbers import number, signed
from tui.widgets import Side

Interval = Callable[[Metric], "tuple[float, float] | None"]
Answers = Mapping[int, Answer]

_HALF = frozenset({WIN_RATE, "win_rate_training_judge", PREFERENCE_ACCURACY})
"""Held against the baseline item by item already: one half is a tie, and `Answer.wanted` is the baseline's answer."""

_DISTANCES = frozenset({KL, "kl_sequence", "kl_parent"})

_SHARES = frozenset({"capability_regression", "diversity_collapse", "reward_instability"})
"""Their threshold is a share of the baseline's value."""
LEVELS = frozenset({"insufficient_alignment", "kl_violation", "reward_degradation", "data_quality", "below_floor"})
"""Their threshold is held against the value itself; all others compare something else, and no line is drawn."""

_SURE = {
    "confirmed": "confirmed: more than noise, at the level that all tests share",
    "suspected": "suspected: past its limit, but these samples may show only noise",
    "too_few_samples": "too few samples: past its limit, nothing more is known",
    "off": "evidence: off. Past its bare limit; nothing was tested, it may be noise",
}


@dataclass(frozen=True, slots=True)
class Flip:
    """An item whose score changed. `fell` is for the worse, whichever way the metric is better."""

    item: int
    before: float
    after: float
    fell: bool
    category: str = ""


@dataclass(frozen=True, slots=True)
class Study:
    """What is known of a weakness. `metrics` are of baseline, parent and this; `told` says why no item is shown."""

    weakness: Weakness
    index: int
    parent: int | None
    against: int | None
    metrics: tuple[Metric | None, Metric | None, Metric | None]
    flips: tuple[Flip, ...] = ()
    before: Answers | None = None
    after: Answers | None = None
    told: str = ""

    @property
    def lost(self) -> int:
        return sum(flip.fell for flip in self.flips)

    @property
    def won(self) -> int:
        return len(self.flips) - self.lost


def part(metric: Metric | None, category: str) -> Metric | None:
    """The metric of one category's items; the whole without a category; None where it cannot be told apart."""
    if metric is None or not category:
        return metric
    if not metric.items or not metric.categories or len(metric.items) != len(metric.categories):
        return None
    kept = [item for item, kind in zip(metric.items, metric.categories, strict=True) if kind == category]
    if not kept:
        return None
    mean = math.fsum(kept) / len(kept)
    return replace(
        metric, value=mean, n=len(kept), low=None, high=None, items=tuple(kept), categories=(category,) * len(kept)
    )


def flips(weakness: Weakness, now: Metric | None, before: Metric | None) -> tuple[tuple[Flip, ...], str]:
    """The items that changed, worse ones first and the largest changes first; and why there are none, in words.

    A win rate's items are results against the baseline: they are held against a tie rather than the baseline's own.
    """
    if weakness.metric in _DISTANCES:
        return (), "a distance from the baseline: it grows on all items, none of them flips"
    if now is None or not now.items:
        return (), "only the value is on record, no single items"
    half = _tied(weakness)
    old = (0.5,) * len(now.items) if half else before.items if before else None
    if old is None:
        return (), "the iteration that it is compared with has no items on record"
    if len(old) != len(now.items):
        return (), f"not the same items: {len(old)} then, {len(now.items)} now"
    kinds = now.categories if now.categories and len(now.categories) == len(now.items) else ("",) * len(now.items)
    lower = weakness.metric in LOWER_IS_BETTER
    found = [
        Flip(item, was, score, (score > was) == lower, kind)
        for item, (was, score, kind) in enumerate(zip(old, now.items, kinds, strict=True))
        if was != score and math.isfinite(was) and math.isfinite(score) and weakness.category in ("", kind)
    ]
    found.sort(key=lambda flip: (not flip.fell, -abs(flip.after - flip.before), flip.item))
    return tuple(found), "" if found else "no item changed"


def _tied(weakness: Weakness) -> bool:
    """Are its items held against the baseline's own, as a win rate's are, and not against another iteration's?"""
    return weakness.metric in _HALF and not weakness.against


def against(weakness: Weakness, index: int) -> int | None:
    """Whom its items are compared with: the test's own choice, else the baseline; None for the baseline itself."""
    other = weakness.against if weakness.against is not None else 0
    return other if other != index else None


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def limit(weakness: Weakness) -> float | None:
    """The threshold on the metric's own scale; None where it is held against something else."""
    if weakness.type in _SHARES and weakness.baseline:
        return weakness.threshold * weakness.baseline
    return weakness.threshold if weakness.type in LEVELS else None


def bars(study: Study, interval: Interval) -> tuple[Bar, ...]:
    """Baseline, parent where it is another, this: each with the 95 % interval that the rules would use."""
    names = ("baseline", f"parent {study.parent}", f"this, {study.index}")
    recorded = (study.weakness.baseline, study.weakness.parent, study.weakness.value)
    tone = "bad" if study.weakness.evidence in {"confirmed", "off"} else "warn"
    found = []
    for name, metric, alone, look in zip(names, study.metrics, recorded, ("", "", tone), strict=True):
        if name.startswith("parent") and not study.parent:  # no parent, or the baseline itself
            continue
        if (bar := _bar(name, metric, alone, interval, look)) is not None:
            found.append(bar)
    return tuple(found)


def _bar(name: str, metric: Metric | None, alone: float | None, interval: Interval, tone: str) -> Bar | None:
    value = metric.value if metric is not None and metric.measured else alone
    if value is None or not math.isfinite(value):
        return None
    low, high = (interval(metric) if metric is not None and metric.measured else None) or (None, None)
    return Bar(name, value, number(value), low, high, tone)


def weighed(study: Study) -> Text:
    """What was found, how sure that is and by which test, a line each, in words."""
    weakness = study.weakness
    text = Text(weakness.detail or weakness.type.replace("_", " "))
    text.append(f"\n{_SURE[weakness.evidence]}", "bold warn" if weakness.evidence == "off" else "")
    if weakness.evidence != "off":
        text.append(f"\ntest: {_test(weakness)}", "dim")
    facts = [*_named(weakness), *_change(study)]
    return text.append(f"\n{'; '.join(facts)}", "dim") if facts else text


def _test(weakness: Weakness) -> str:
    test = weakness.test or "none on record"
    if weakness.p_value is None or "p =" in test or "p <" in test:
        return test
    p = "p < 0.001" if weakness.p_value < 0.001 else f"p = {weakness.p_value:.2g}"
    return f"{test}, {p}: so often would noise alone show as much"


def _named(weakness: Weakness) -> list[str]:
    named = [f"category {weakness.category}"] if weakness.category else []
    return [*named, f"n = {weakness.n} items"] if weakness.n is not None else named


def _change(study: Study) -> list[str]:
    weakness, value = study.weakness, study.weakness.value
    told = (("baseline", weakness.baseline), ("parent", weakness.parent if study.parent else None))
    return [
        f"{signed(value - before)} from the {name}" for name, before in told if value is not None and before is not None
    ]


# ── items ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def counts(study: Study) -> str:
    """`8 right → wrong, 1 wrong → right`; for scores `worse` and `better`; against a tie `lost` and `won`."""
    if not study.flips:
        return study.told
    scores = {score for flip in study.flips for score in (flip.before, flip.after)}
    worse, better = "worse", "better"
    if _tied(study.weakness):
        worse, better = "lost", "won"
    elif scores <= {0.0, 1.0} and study.weakness.metric not in LOWER_IS_BETTER:
        worse, better = "right → wrong", "wrong → right"
    return f"{study.lost} {worse}, {study.won} {better}"


def answer_sides(study: Study, flip: Flip) -> tuple[str, tuple[Side, ...], str]:
    """The prompt, what was said before and after side by side, and what is missing, in words."""
    now = (study.after or {}).get(flip.item)
    then = (study.before or {}).get(flip.item)
    if now is None:
        return "", (), "the answers of this iteration were not kept, only their scores"
    half = _tied(study.weakness)
    earlier = now.wanted if half else then.said if then else ""
    name = "baseline" if not study.against else f"iteration {study.against}"
    old = Side(name, earlier or "(this answer was not kept)", "" if half else number(flip.before))
    wanted = (Side("wanted", now.wanted),) if now.wanted and not half else ()
    return now.prompt, (old, Side(f"this, iteration {study.index}", now.said, number(flip.after)), *wanted), ""


def flip_title(study: Study, flip: Flip, at: int) -> str:
    """`3 of 12 · right → wrong · math`."""
    way = "worse" if flip.fell else "better"
    if {flip.before, flip.after} <= {0.0, 1.0} and study.weakness.metric not in LOWER_IS_BETTER:
        way = "right → wrong" if flip.fell else "wrong → right"
    if _tied(study.weakness):
        way = "lost" if flip.fell else "won"
    return " · ".join(part for part in (f"{at + 1} of {len(study.flips)}", way, flip.category) if part)


def heading(weakness: Weakness) -> str:
    about = f" in {weakness.category}" if weakness.category else ""
    return f"{weakness.type.replace('_', ' ')}: {short(weakness.metric)}{about}"


def ordered(weaknesses: Sequence[Weakness]) -> tuple[Weakness, ...]:
    """The gravest first, the surest first among equals: as the rules rank them, whatever order a ledger holds."""
    severities, sure = ("critical", "high", "medium", "low"), ("confirmed", "off", "suspected", "too_few_samples")
    return tuple(sorted(weaknesses, key=lambda one: (severities.index(one.severity), sure.index(one.evidence))))
