"""Does the policy do what is preferred: judged against the baseline's completions, and on held-out pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.data.task import Pair
from engine.evaluation import measures
from engine.evaluation.sampled import Sampled
from engine.judges.base import Judge, Progress, verdict, wins
from engine.models.generate import Completion
from engine.models.resident import Resident
from engine.models.tokens import TokenSequence, sequence_ids
from engine.records import HELD_OUT_JUDGE, PREFERENCE_ACCURACY, TRAINING_JUDGE, WIN_RATE, Answer, Metric

TRAINING_WIN_RATE = "win_rate_training_judge"
INCONSISTENCY = "judge_inconsistency"
"""How often the judge behind the win rate (or the only one that can) contradicts itself when two texts swap places."""

Advance = Callable[[int], None]
PairLogprobs = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one judge said: each completion's score and, against the baseline's completions, wins and contradictions.

    `contradicted` is 1 where the judge said otherwise once the two had swapped places; None for one that cannot.
    """

    judge: Judge
    scores: tuple[float, ...]
    won: tuple[float, ...] | None = None
    contradicted: tuple[float, ...] | None = None


def judge_samples(
    judge: Judge,
    sampled: Sampled,
    baseline: Sequence[Completion] | None,
    baseline_scores: Sequence[float] = (),
    advance: Advance | None = None,
) -> Judged:
    """Score the samples, and hold each against the baseline's completion of the same prompt and place.

    The baseline's completions were scored when it was evaluated, so a steady judge that compares by its scores is not
    asked about them again.
    """
    texts = [(prompt.text, mine.text) for prompt, mine in zip(sampled.prompts, sampled.completions, strict=True)]
    scores = tuple(judge.scores(texts, steps(advance)))
    if baseline is None:
        return Judged(judge, scores, None, (0.0,) * len(scores) if judge.ordered else None)
    if not judge.ordered and judge.steady:
        won = [verdict(mine - other, judge.margin) for mine, other in zip(scores, baseline_scores, strict=True)]
        return Judged(judge, scores, tuple(won))
    items = [(*text, other.text) for text, other in zip(texts, baseline, strict=True)]
    outcomes, contradicted = wins(judge, items, steps(advance))
    return Judged(judge, scores, tuple(outcomes), tuple(contradicted) if judge.ordered else None)


def usage(*judged: Judged | None) -> dict[str, Mapping[str, float]]:
    """What each judge spent, by its name; nothing of those that spend nothing."""
    taken = {said.judge.name: said.judge.take_usage() for said in judged if said}
    return {name: spent for name, spent in taken.items() if spent}


def steps(advance: Advance | None) -> Progress | None:
    """`advance`, which takes how many more are done, for callers that say how many are done in all."""
    if advance is None:
        return None
    before = 0

    def progress(done: int, _total: int) -> None:
        nonlocal before
        advance(done - before)
        before = done

    return progress


def judge_metrics(training: Judged, held_out: Judged | None, sampled: Sampled) -> list[Metric]:
    """The win rates come first. By the held-out judge where there is one: training cannot have learnt to please it."""
    found = [win_rate(WIN_RATE, held_out or training, sampled)]
    if held_out:
        found.append(win_rate(TRAINING_WIN_RATE, training, sampled))
        found.append(judge_score(HELD_OUT_JUDGE, held_out, sampled))
    found.append(judge_score(TRAINING_JUDGE, training, sampled))
    contradicted = [said.contradicted for said in (held_out, training) if said and said.contradicted is not None]
    if contradicted:
        found.append(measures.rate(INCONSISTENCY, "quality", contradicted[0], sampled.clusters, sampled.categories))
    return found


def win_rate(name: str, judged: Judged, sampled: Sampled) -> Metric:
    """The share of comparisons won against the baseline's completion of the same prompt and place; a tie counts ½.

    The baseline's own is ½ by definition.
    """
    if judged.won is None:
        return measures.fixed(name, "alignment", 0.5, len(sampled.completions), sampled.categories)
    return measures.rate(name, "alignment", judged.won, sampled.clusters, sampled.categories)


def compared(won: Metric, sampled: Sampled, baseline: Sequence[Completion]) -> list[Answer]:
    """What lies behind each comparison of `won`: this completion, and the baseline's that it was held against."""
    texts = zip(sampled.prompts, sampled.completions, baseline, won.items or (), strict=True)
    return [
        Answer(won.name, i, prompt.text, mine.text, other.text, score, prompt.category)
        for i, (prompt, mine, other, score) in enumerate(texts)
    ]


def judge_score(name: str, judged: Judged, sampled: Sampled) -> Metric:
    """The judge's mean score, in the judge's own units."""
    return measures.mean(name, "alignment", judged.scores, sampled.clusters, categories=sampled.categories)


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
