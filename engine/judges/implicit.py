"""The policy's own implicit reward as the judge (Rafailov et al. 2023; so used by Chen et al., arXiv 2406.09760)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.judges.base import Progress, Scored, ScoringJudge

LogRatios = Callable[[Sequence[Scored], Progress | None], list[float]]
"""log π(y|x) - log π_baseline(y|x) of each item in nats, under the policy that is loaded when it is asked."""


class ImplicitJudge(ScoringJudge):
    """β times the log-ratio of policy and baseline: what the policy has been trained to prefer so far.

    The baseline itself has no opinion, and a later policy has another one, so its scores are no yardstick across
    iterations. As the only judge of an evaluation it would ask the policy how well it likes itself.
    """

    name, margin, steady = "implicit", 1e-3, False

    def __init__(self, log_ratios: LogRatios, beta: float) -> None:
        self._log_ratios, self._beta = log_ratios, beta

    def score(self, prompt: str, completion: str) -> float:
        return self.scores([(prompt, completion)])[0]

    def scores(self, items: Sequence[Scored], progress: Progress | None = None) -> list[float]:
        return [self._beta * ratio for ratio in self._log_ratios(items, progress)]
