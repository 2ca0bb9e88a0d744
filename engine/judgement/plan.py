"""The next iteration's data plan: what to collect or mix in, how much, from where, and what to hold fixed.

**How much.** A share of the pairs that the last measured iteration was trained on, by severity: 5 % low, 10 % medium,
20 % high, 30 % critical. Too few pairs are made up to the configured number; pairs that overlap evaluation prompts are
replaced one for one. Where the number of pairs is not known, how many is left to the config (None).

**What yields.** While the distribution is held fixed, nothing is collected beside it and nothing is made more diverse:
that would be another distribution. Capability-preserving examples are mixed in all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.judgement import tree
from engine.judgement.adjustments import Cause, DataRule
from engine.judgement.figures import listed
from engine.records import DECONTAMINATION, PAIRS, DataStep, History, Severity

SHARES: dict[Severity, float] = {"low": 0.05, "medium": 0.1, "high": 0.2, "critical": 0.3}
_VERBS = {"collect": "collect", "mix": "mix in", "hold": "keep fixed:", "diversify": "make more diverse:"}
_UNCOUNTED = frozenset({"hold", "diversify"})


def data_plan(history: History, causes: Iterable[Cause]) -> tuple[tuple[DataStep, ...], tuple[str, ...]]:
    """The steps, one for all causes that ask the same for the same category or metric; and what yields, in words."""
    groups: dict[tuple[DataRule, str], list[Cause]] = {}
    for cause in causes:
        if cause.data:
            groups.setdefault((cause.data, cause.category or cause.metric), []).append(cause)
    steps = [_step(history, rule, about, group) for (rule, about), group in groups.items()]
    if not any(step.action == "hold" for step in steps):
        return tuple(steps), ()
    kept = [step for step in steps if step.action in {"hold", "mix"}]
    return tuple(kept), tuple(f"not now, while data are held fixed: {step.text}" for step in steps if step not in kept)


def _step(history: History, rule: DataRule, about: str, causes: Sequence[Cause]) -> DataStep:
    counts = [count for cause in causes if (count := _count(history, cause)) is not None]
    count = max(counts) if counts and rule.action not in _UNCOUNTED else None
    number = f" {count}" if count is not None else ""
    source = f", from the {rule.split}" if rule.action in {"collect", "mix"} else ""
    text = f"{_VERBS[rule.action]}{number} {rule.what} for {about}{source}"
    why = listed(list(dict.fromkeys(cause.words for cause in causes)))
    return DataStep(rule.action, about, count, rule.split, why, text)


def _count(history: History, cause: Cause) -> int | None:
    pairs, weakness = _pairs(history), cause.weakness
    if weakness is None:
        return None
    if weakness.metric == PAIRS and weakness.value is not None:
        return max(1, round(weakness.threshold - weakness.value))
    if pairs is None:
        return None
    if weakness.metric == DECONTAMINATION and weakness.value is not None:
        return max(1, round((1 - weakness.value) * pairs))
    return max(1, round(SHARES[weakness.severity] * pairs))


def _pairs(history: History) -> float | None:
    """How many pairs the last iteration that says so was trained on."""
    counts = (tree.value(each, PAIRS) for each in reversed(history.iterations))
    return next((count for count in counts if count), None)
