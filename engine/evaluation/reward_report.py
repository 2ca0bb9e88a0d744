"""How good a reward model is on pairs that it never saw: right, calibrated, and not merely fond of long answers.

A pair's margin is the chosen side's score minus the rejected side's. By Bradley and Terry (1952) its sigmoid is the
probability that the chosen side is the better one, which is what calibration is measured by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.errors import TrainingError
from engine.evaluation import measures
from engine.evaluation.intervals import Floats, wilson
from engine.records import REWARD_ACCURACY, Metric

BINS = 10  # of confidence from ½ to 1, as wide as each other
TEMPERATURES = np.geomspace(0.1, 10.0, 41)


@dataclass(frozen=True, slots=True)
class Graded:
    """One held-out pair as the reward model sees it. `longer` is the chosen side's length minus the rejected side's, in
    tokens; `gap` the judge's own, where it gave one; `prompt` tells pairs of one prompt from those of another.
    """

    margin: float
    longer: int
    gap: float | None = None
    category: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of `n` with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, hits: Sequence[float]) -> Rate:
        value = sum(hits) / len(hits)
        return cls(value, *wilson(value, len(hits)), len(hits))


@dataclass(frozen=True, slots=True)
class RewardReport:
    """`accuracy` has Wilson's interval, narrowed for pairs of one prompt. Brier's score and the expected calibration
    error are 0 at best; `temperature` is what the margins would have to be divided by to fit best: above 1 the model is
    too sure of itself. `length` is how margins go with length differences, `judge_length` how the judge's gaps do; both
    from -1 to 1, pairs taken in either order. `longer` is how often the longer side wins, `judge_longer` how often the
    chosen side is the longer. `flipped` is the share of training labels turned round on purpose where the model holds
    with the truth: None where none were.
    """

    accuracy: Rate
    brier: float
    ece: float
    nll: float
    temperature: float
    length: float | None
    judge_length: float | None
    longer: float | None
    judge_longer: float | None
    flipped: Rate | None = None
    categories: Mapping[str, Rate] = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> RewardReport:
        known = {name: raw[name] for name in cls.__dataclass_fields__ if name in raw}
        known["accuracy"] = Rate(**raw["accuracy"])
        known["flipped"] = Rate(**raw["flipped"]) if raw.get("flipped") else None
        known["categories"] = {name: Rate(**rate) for name, rate in raw.get("categories", {}).items()}
        return cls(**known)


def reward_metric(graded: Sequence[Graded]) -> Metric:
    """`reward_accuracy`: each pair is 1 where the chosen side scores higher, ½ where both score the same."""
    if not all(math.isfinite(pair.margin) for pair in graded):
        return measures.missing(REWARD_ACCURACY, "alignment")
    prompts = list(dict.fromkeys(pair.prompt for pair in graded))
    place = {prompt: i for i, prompt in enumerate(prompts)}
    clusters = [place[pair.prompt] for pair in graded]
    categories = [pair.category for pair in graded]
    return measures.rate(REWARD_ACCURACY, "alignment", [_hit(pair.margin) for pair in graded], clusters, categories)


def reward_report(graded: Sequence[Graded], flipped: Sequence[float] = ()) -> RewardReport:
    """`flipped` are the margins, the truly better side first, of training pairs whose label was turned round.

    Raises TrainingError for scores that are not finite.
    """
    metric = reward_metric(graded)
    if metric.value is None or metric.low is None or metric.high is None:
        raise TrainingError(
            "the reward model's scores are not finite numbers",
            remedy="retry with a lower reward.learning_rate",
        )
    margins = np.array([pair.margin for pair in graded])
    longer = np.array([float(pair.longer) for pair in graded])
    judged = [pair for pair in graded if pair.gap is not None]
    chance = _sigmoid(margins)
    return RewardReport(
        Rate(metric.value, metric.low, metric.high, len(graded)),
        brier=float(((1 - chance) ** 2).mean()),
        ece=_calibration_error(margins),
        nll=_nll(margins),
        temperature=float(min(TEMPERATURES, key=lambda t: _nll(margins / t))),
        length=_alike(margins, longer),
        judge_length=_alike([pair.gap for pair in judged], [pair.longer for pair in judged]),
        longer=_longer_wins(margins, longer),
        judge_longer=_longer_wins(np.ones_like(margins), longer),
        flipped=Rate.of([_hit(margin) for margin in flipped]) if flipped else None,
        categories=_by_category(graded),
    )


def require_accuracy(report: RewardReport, minimum: float, algorithm: str = "PPO") -> None:
    """Raises TrainingError where a policy trained on this reward model might learn its errors."""
    rate = report.accuracy
    if rate.low <= minimum:
        raise TrainingError(
            f"{algorithm} is refused: the reward model is right on {rate.value:.1%} of {rate.n} held-out pairs, perhaps"
            f" on {rate.low:.1%} only; reward.min_accuracy asks for more than {minimum:.1%}",
            remedy="train it longer or on more and clearer pairs (reward.max_steps, data.prompts, data.min_gap), or"
            " lower reward.min_accuracy",
        )


def _hit(margin: float) -> float:
    return 0.5 if margin == 0 else float(margin > 0)


def _sigmoid(margins: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -margins))


def _nll(margins: Floats) -> float:
    return float(np.logaddexp(0.0, -margins).mean())


def _calibration_error(margins: Floats) -> float:
    """Guo et al. 2017's expected calibration error of the side that the model prefers, over bins of confidence."""
    confidence = _sigmoid(np.abs(margins))
    right = np.array([_hit(margin) for margin in margins])
    where = np.minimum(((confidence - 0.5) * 2 * BINS).astype(int), BINS - 1)
    gaps = [abs(float((right - confidence)[where == i].sum())) for i in range(BINS)]
    return sum(gaps) / len(margins)


def _alike(mine: Any, other: Any) -> float | None:
    """Pearson's correlation over pairs taken in both orders, whose means are zero; None where one never differs."""
    a, b = np.asarray(mine, float), np.asarray(other, float)
    scale = math.sqrt(float((a**2).sum()) * float((b**2).sum())) if len(a) else 0.0
    return float((a * b).sum()) / scale if scale else None


def _longer_wins(margins: Floats, longer: Floats) -> float | None:
    differ = longer != 0
    return float(((margins > 0) == (longer > 0))[differ].mean()) if differ.any() else None


def _by_category(graded: Sequence[Graded]) -> dict[str, Rate]:
    hits: dict[str, list[float]] = {}
    for pair in graded:
        if pair.category:
            hits.setdefault(pair.category, []).append(_hit(pair.margin))
    return {category: Rate.of(hits[category]) for category in sorted(hits)}
