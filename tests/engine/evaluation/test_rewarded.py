from __future__ import annotations

import pytest

from engine.evaluation.outcome import Evaluation
from engine.evaluation.rewarded import rewarded, rlhf_metrics
from engine.records import ALIGNMENT_SCORE, REWARD_VARIANCE, TASK_ACCURACY, WIN_RATE, Metric


def evaluation(scores: tuple[float, ...], *able: Metric) -> Evaluation:
    won = Metric(WIN_RATE, 0.75, "alignment", 4, items=(1.0, 1.0, 1.0, 0.0))
    return Evaluation({metric.name: metric for metric in (won, *able)}, (), scores=scores)


def capability(name: str, *items: float) -> Metric:
    return Metric(name, sum(items) / len(items), "capability", len(items), items=items)


def test_the_three_figures() -> None:
    found = rlhf_metrics(evaluation((-1.0, 1.0, 3.0, 5.0), capability("sums", 1, 1, 0), capability("facts", 1)))
    assert {name: metric.value for name, metric in found.items()} == {
        ALIGNMENT_SCORE: 0.75,
        TASK_ACCURACY: 0.75,
        REWARD_VARIANCE: 5.0,
    }
    assert all(metric.name == name for name, metric in found.items())
    assert found[TASK_ACCURACY].items == (1, 1, 0, 1)


def test_the_baselines_rewards_are_the_unit() -> None:
    assert rlhf_metrics(evaluation((0.0,) * 4))[REWARD_VARIANCE].value == 1.0


def test_what_was_not_measured_has_no_value() -> None:
    missing = Metric("sums", None, "capability", 0)
    found = rlhf_metrics(evaluation((), capability("facts", 1.0), missing))
    assert found[TASK_ACCURACY].value is None
    assert found[REWARD_VARIANCE].value is None


def test_each_score_is_held_against_the_baselines_of_the_same_place() -> None:
    said = rewarded([1.0, 0.0, 0.5], evaluation((0.0, 1.0, 0.5)))
    assert said.won == pytest.approx((1.0, 0.0, 0.5))
    assert rewarded([0.0], None).won is None
