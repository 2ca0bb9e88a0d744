"""What the text is like, whoever prefers it: drift from the baseline, fluency, length, variety."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from engine.evaluation import measures
from engine.evaluation.intervals import bootstrap, ratio
from engine.evaluation.kl import Divergence
from engine.evaluation.sampled import Sampled
from engine.models.generate import Completion
from engine.records import KL, Metric


def divergence_metrics(sampled: Sampled, baseline: Divergence, parent: Divergence | None) -> list[Metric]:
    """`kl_divergence` (nats a token), `kl_sequence` (nats a sequence), `kl_parent` (nats a token) and `entropy`.

    Items are one a sequence: its mean per token, or its sum. Without `parent`, the parent is the baseline.
    """
    clusters, categories = sampled.clusters, sampled.categories

    def per_token(name: str, divergence: Divergence, sums: Sequence[float]) -> Metric:
        items = [total / tokens if tokens else 0.0 for total, tokens in zip(sums, divergence.tokens, strict=True)]
        return measures.mean(name, "quality", items, clusters, divergence.tokens, categories)

    other = parent or baseline
    return [
        per_token(KL, baseline, baseline.kl),
        measures.mean("kl_sequence", "quality", baseline.kl, clusters, categories=categories),
        per_token("kl_parent", other, other.kl),
        per_token("entropy", baseline, baseline.entropy),
    ]


def perplexity(logprobs: Sequence[float], tokens: Sequence[int]) -> Metric:
    """exp of the mean negative log-probability per token of held-out text; items are each text's own mean, in nats."""
    if not tokens:
        return measures.missing("perplexity", "quality")
    losses = [-logprob / count for logprob, count in zip(logprobs, tokens, strict=True)]
    nats = measures.mean("perplexity", "quality", losses, weights=tokens)
    if nats.value is None or nats.low is None or nats.high is None or nats.high > 700:
        return measures.missing("perplexity", "quality", losses)
    bounds = (math.exp(nats.low), math.exp(nats.high))
    return measures.metric("perplexity", "quality", math.exp(nats.value), bounds, losses)


def length_metrics(sampled: Sampled, baseline: Sequence[Completion] | None) -> list[Metric]:
    """`length` in tokens, `length_ratio` to the baseline's, `truncation_rate`: the share that met the length limit."""
    clusters, categories = sampled.clusters, sampled.categories
    lengths = [float(len(completion.ids)) for completion in sampled.completions]
    before = [float(len(completion.ids)) for completion in baseline] if baseline is not None else lengths
    cut = [float(not completion.finished) for completion in sampled.completions]
    return [
        measures.mean("length", "quality", lengths, clusters, categories=categories),
        _length_ratio(lengths, before, clusters),
        measures.rate("truncation_rate", "quality", cut, clusters, categories),
    ]


def distinct_2(sampled: Sampled) -> Metric:
    """The share of a prompt's word bigrams, over all its completions, that are different (Li et al. 2016).

    Within a prompt, so that the number does not fall merely because there are more prompts.
    """
    items = []
    for start in range(0, len(sampled.completions), sampled.each):
        group = sampled.completions[start : start + sampled.each]
        bigrams = [pair for text in group for pair in _bigrams(text.text)]
        items.append(len(set(bigrams)) / len(bigrams) if bigrams else 0.0)
    categories = [prompt.category for prompt in sampled.prompts[:: sampled.each]]
    return measures.mean("distinct_2", "quality", items, categories=categories)


def _length_ratio(lengths: Sequence[float], before: Sequence[float], clusters: Sequence[int]) -> Metric:
    if not sum(before):
        return measures.missing("length_ratio", "quality")
    items = [mine / other if other else 0.0 for mine, other in zip(lengths, before, strict=True)]
    interval = bootstrap([lengths, before], clusters, ratio)
    return measures.metric("length_ratio", "quality", sum(lengths) / sum(before), interval, items)


def _bigrams(text: str) -> list[tuple[str, str]]:
    words = text.lower().split()
    return list(pairwise(words))
