"""What the rlhf recipe measures besides: the reward model as the training judge, and the figures its rules ask for.

`alignment_score`: the share of the policy's completions that a judge which training never asked prefers to the
baseline's, ties counting one half. `task_accuracy`: the share of all capability items answered rightly, each item
counting alike. `reward_variance`: the variance of the reward model's scores over the policy's completions, in units of
the baseline's, which therefore is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

from engine.data.task import Prompt
from engine.evaluation import measures
from engine.evaluation.alignment import Judged
from engine.evaluation.outcome import Evaluation
from engine.judges.base import ScoringJudge, verdict
from engine.models.generate import Completion
from engine.records import ALIGNMENT_SCORE, REWARD_VARIANCE, TASK_ACCURACY, WIN_RATE, Metric

Rewards = Callable[[Sequence[Prompt], Sequence[Completion]], list[float]]
"""Each completion's reward, 0 on average over the baseline's completions and of deviation 1 there."""


class RewardModel(ScoringJudge):
    """Stands for a reward model that scores tokens and not texts: whoever has its scores need not ask it."""

    name = "reward model"
    margin = 1e-3


def rewarded(scores: Sequence[float], baseline: Evaluation | None) -> Judged:
    """The reward model's scores of the samples, each held against the baseline's of the same prompt and place."""
    judge = RewardModel()
    if baseline is None:
        return Judged(judge, tuple(scores))
    won = [verdict(mine - other, judge.margin) for mine, other in zip(scores, baseline.scores, strict=True)]
    return Judged(judge, tuple(scores), tuple(won))


def rlhf_metrics(evaluation: Evaluation) -> dict[str, Metric]:
    """The three figures, without a value where what they come from has none."""
    found = [_alignment(evaluation), _task(evaluation), _variance(evaluation)]
    return {metric.name: metric for metric in found if metric is not None}


def _alignment(evaluation: Evaluation) -> Metric | None:
    won = evaluation.metrics.get(WIN_RATE)
    return replace(won, name=ALIGNMENT_SCORE) if won else None


def _task(evaluation: Evaluation) -> Metric | None:
    able = [metric for metric in evaluation.metrics.values() if metric.group == "capability"]
    if not able:
        return None
    items = [item for metric in able for item in metric.items or ()]
    whole = all(metric.measured and metric.items for metric in able)
    if not whole:
        return measures.missing(TASK_ACCURACY, "alignment")
    return measures.mean(TASK_ACCURACY, "alignment", items)


def _variance(evaluation: Evaluation) -> Metric | None:
    scores = evaluation.scores
    if not scores:
        return measures.missing(REWARD_VARIANCE, "alignment")
    if not any(scores):  # the baseline's own, which are the unit
        return measures.fixed(REWARD_VARIANCE, "alignment", 1.0, len(scores))
    mean = fmean(scores)
    return measures.mean(REWARD_VARIANCE, "alignment", [(score - mean) ** 2 for score in scores])
