"""The words that every record is spelt with, and the metrics that the rules know by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Scalar = bool | int | float | str | None
Settings = Mapping[str, Scalar]
"""An iteration's flat config: `beta`, `learning_rate`, `max_steps`, … as in `--set`, a proposal and a history."""

Message = dict[str, str]
Content = str | list[Message]
"""A prompt: plain text, or chat messages (`role`, `content`) that the tokenizer's chat template renders."""

Group = Literal["capability", "alignment", "quality"]
Action = Literal["accept", "retry", "rollback", "finish", "ask"]
Severity = Literal["low", "medium", "high", "critical"]
Evidence = Literal["confirmed", "suspected", "too_few_samples", "off"]
DataAction = Literal["collect", "mix", "hold", "diversify", "note"]
RunState = Literal["starting", "running", "awaiting_decision", "paused", "stopping", "stopped", "failed", "completed"]
LIVE_STATES: frozenset[str] = frozenset({"starting", "running", "awaiting_decision", "paused", "stopping"})

SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")

WIN_RATE = "win_rate_vs_baseline"
KL = "kl_divergence"
PREFERENCE_ACCURACY = "preference_accuracy"
REWARD_ACCURACY = "reward_accuracy"
REWARD_VARIANCE = "reward_variance"
TASK_ACCURACY = "task_accuracy"
ALIGNMENT_SCORE = "alignment_score"
TRAINING_JUDGE = "judge_score"
HELD_OUT_JUDGE = "held_out_judge_score"
KEPT_LOOK = "held_out_look"  # by the held-out judge, between PPO's updates: the policy that was kept …
PEAK_LOOK = "held_out_look_peak"  # … and the best of them
LENGTH_RATIO = "length_ratio"
DISTINCT = "distinct_2"
ENTROPY = "entropy"
PREFERENCE_GAP = "preference_gap"
PAIRS = "pairs"
DECONTAMINATION = "decontamination"
