"""Does the policy do what is preferred: judged against the baseline's completions, and on held-out pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.data.task import Pair, Task
from engine.evaluation import measures
from engine.evaluation.sampled import Sampled
from engine.judges.base import win
from engine.models.generate import Completion
from engine.models.resident import Resident
from engine.models.tokens import TokenSequence, sequence_ids
from engine.records import PREFERENCE_ACCURACY, WIN_RATE, Answer, Metric

PairLogprobs = Sequence[tuple[float, float]]


def win_rate(task: Task, sampled: Sampled, baseline: Sequence[Completion] | None) -> Metric:
    """The share of comparisons won against the baseline's completion of the same prompt and place; a tie counts ½.

    The baseline's own (`baseline` None) is ½ by definition.
    """
    if baseline is None:
        return measures.fixed(WIN_RATE, "alignment", 0.5, len(sampled.completions), sampled.categories)
    items = [
        win(task.judge, prompt.text, mine.text, other.text)
        for prompt, mine, other in zip(sampled.prompts, sampled.completions, baseline, strict=True)
    ]
    return measures.rate(WIN_RATE, "alignment", items, sampled.clusters, sampled.categories)


def compared(won: Metric, sampled: Sampled, baseline: Sequence[Completion]) -> list[Answer]:
    """What lies behind each comparison of `won`: this completion, and the baseline's that it was held against."""
    texts = zip(sampled.prompts, sampled.completions, baseline, won.items or (), strict=True)
    return [
        Answer(won.name, i, prompt.text, mine.text, other.text, score, prompt.category)
        for i, (prompt, mine, other, score) in enumerate(texts)
    ]


def judge_score(sampled: Sampled, scores: Sequence[float]) -> Metric:
    """The judge's mean score, in the judge's own units."""
    return measures.mean("judge_score", "alignment", scores, sampled.clusters, categories=sampled.categories)


def preference_accuracy(pairs: Sequence[Pair], policy: PairLogprobs, reference: PairLogprobs | None) -> Metric:
    """The share of held-out pairs whose chosen side has the higher implicit reward, log π(y|x) - log π_baseline(y|x).

    Always against the baseline, whatever reference training used, so that iterations can be compared. The baseline's
    own rewards (`reference` None) are all zero, so it has ½ by definition.
    """
    categories = [pair.category for pair in pairs]
    if reference is None:
        return measures.fixed(PREFERENCE_ACCURACY, "alignment", 0.5, len(pairs), categories)
    margins = [
        (chosen - base_chosen) - (rejected - base_rejected)
        for (chosen, rejected), (base_chosen, base_rejected) in zip(policy, reference, strict=True)
    ]
    if not margins or not all(math.isfinite(margin) for margin in margins):
        return measures.missing(PREFERENCE_ACCURACY, "alignment")
    items = [0.5 if margin == 0 else float(margin > 0) for margin in margins]
    prompts = [str(pair.prompt) for pair in pairs]
    return measures.rate(PREFERENCE_ACCURACY, "alignment", items, [prompts.index(p) for p in prompts], categories)


def pair_sequences(resident: Resident, pairs: Sequence[Pair]) -> list[TokenSequence]:
    """Chosen and rejected of each pair in turn."""
    return [
        sequence_ids(resident.tokenizer, pair.prompt, side) for pair in pairs for side in (pair.chosen, pair.rejected)
    ]
