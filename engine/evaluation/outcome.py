"""What evaluation leaves behind: metrics with items, samples for people, and what later iterations pair with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.models.generate import Completion
from engine.records import Answer, Metric, Sample, as_json


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One iteration's evaluation.

    `completions` and the scores are prompt-major: the k completions of the first prompt, then of the second. `scores`
    are the training judge's, `held_out_scores` the held-out judge's where one is named; `judging` is what each judge
    spent since the last evaluation, for those that spend anything.
    `pair_logprobs` are (chosen, rejected) of each held-out pair in nats. The baseline's are every later reference.
    """

    metrics: dict[str, Metric]
    samples: tuple[Sample, ...]
    completions: tuple[Completion, ...] = ()
    scores: tuple[float, ...] = ()
    pair_logprobs: tuple[tuple[float, float], ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    held_out_scores: tuple[float, ...] = ()
    judging: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All but the samples and the answers, which have files of their own."""
        return {
            "metrics": {name: as_json(metric) for name, metric in self.metrics.items()},
            "completions": [as_json(completion) for completion in self.completions],
            "scores": as_json(self.scores),
            "held_out_scores": as_json(self.held_out_scores),
            "judging": as_json(self.judging),
            "pair_logprobs": as_json(self.pair_logprobs),
            "seconds": as_json(self.seconds),
        }

    @classmethod
    def parse(cls, raw: Mapping[str, Any], samples: tuple[Sample, ...] = ()) -> Evaluation:
        completions = (Completion(item["text"], tuple(item["ids"]), item["finished"]) for item in raw["completions"])
        return cls(
            {name: Metric.parse(metric) for name, metric in raw["metrics"].items()},
            samples,
            tuple(completions),
            tuple(raw["scores"]),
            tuple((chosen, rejected) for chosen, rejected in raw["pair_logprobs"]),
            dict(raw.get("seconds", {})),
            held_out_scores=tuple(raw.get("held_out_scores", ())),
            judging=dict(raw.get("judging", {})),
        )
