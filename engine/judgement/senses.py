"""Which way a metric is better. What the rules do not know has no direction: it is shown and never judged."""

from __future__ import annotations

from typing import Literal

from engine.records import (
    ALIGNMENT_SCORE,
    DECONTAMINATION,
    DISTINCT,
    ENTROPY,
    HELD_OUT_JUDGE,
    KL,
    LENGTH_RATIO,
    PAIRS,
    PREFERENCE_ACCURACY,
    PREFERENCE_GAP,
    REWARD_ACCURACY,
    REWARD_VARIANCE,
    TASK_ACCURACY,
    TRAINING_JUDGE,
    WIN_RATE,
    Group,
    Metric,
)

Sense = Literal["higher", "lower", "neither", "unknown"]
"""`neither`: both ways can be wrong (length, entropy), or it is a setting rather than a result (pairs)."""

GROUPS: tuple[Group, ...] = ("alignment", "capability", "quality")
"""In the order in which they are shown: the goal first."""

HALF = frozenset({WIN_RATE, "win_rate_training_judge", PREFERENCE_ACCURACY})
"""Measured against the baseline already, which therefore has one half by definition."""

FORCED = HALF | {KL, "kl_sequence", "kl_parent", LENGTH_RATIO}
"""Known beforehand at the baseline, which is compared with itself. A trend from there would be forced to an answer."""

_HIGHER = frozenset(
    {
        WIN_RATE,
        "win_rate_training_judge",
        PREFERENCE_ACCURACY,
        REWARD_ACCURACY,
        TASK_ACCURACY,
        ALIGNMENT_SCORE,
        TRAINING_JUDGE,
        HELD_OUT_JUDGE,
        DISTINCT,
        PREFERENCE_GAP,
        DECONTAMINATION,
    }
)
_LOWER = frozenset(
    {KL, "kl_sequence", "kl_parent", "perplexity", "truncation_rate", "judge_inconsistency", REWARD_VARIANCE}
)
_NEITHER = frozenset({LENGTH_RATIO, ENTROPY, PAIRS, "length", "mean_length"})


def sense_of(metric: Metric) -> Sense:
    """By name; a capability is better higher whatever it is called, as the rules hold each against its baseline."""
    if metric.name in _LOWER:
        return "lower"
    if metric.name in _NEITHER:
        return "neither"
    return "higher" if metric.name in _HIGHER or metric.group == "capability" else "unknown"
