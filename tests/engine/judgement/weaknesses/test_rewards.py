from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.judgement.weaknesses import find_weaknesses
from engine.records import Metric, Weakness
from tests.fixtures.tables import Cell, cell_metric, right, table


def found(name: str, *values: Cell, parents: tuple[int | None, ...] = (), **frame: Any) -> list[Weakness]:
    return list(find_weaknesses(table(*({name: value} for value in values), parents=parents, **frame)))


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        ((0.9, 0.59, 0.58, 0.55), True),
        ((0.9, 0.6, 0.58, 0.55), False),
        ((0.9, 0.58, 0.58, 0.6), False),
        ((0.5, 0.59, 0.59), False),  # the baseline is no trained iteration
        ((0.9, 0.7, 0.59, 0.58, 0.55), True),
        ((0.9, 0.59, 0.7, 0.58, 0.55), False),
        ((0.9, 0.59, None, 0.55), False),
        ((0.9, 0.59, 0.59, float("nan")), False),
        ((None, 0.59, 0.59, 0.59), True),
    ],
)
def test_reward_accuracy_low_in_each_of_three(values: tuple[float | None, ...], fires: bool) -> None:
    weaknesses = found("reward_accuracy", *values)
    assert [(each.type, each.severity) for each in weaknesses] == [("reward_degradation", "high")] * fires
    assert [each.evidence for each in found("reward_accuracy", *values, evidence=False)] == ["off"] * fires


def test_reward_accuracy_of_abandoned_tries_does_not_count() -> None:
    assert found("reward_accuracy", 0.9, 0.5, 0.5, 0.5, parents=(None, 0, 1, 1)) == []


@pytest.mark.parametrize(
    ("cells", "evidence"),
    [
        ([(0.5, 500), (0.5, 500), (0.5, 500)], "confirmed"),
        ([(0.5, 500), (0.59, 500), (0.5, 500)], "suspected"),
        ([(0.5, 500), (0.5, 12), (0.5, 500)], "too_few_samples"),
        ([(0.5, 500), 0.5, (0.5, 500)], "too_few_samples"),
    ],
)
def test_reward_degradation_is_as_sure_as_its_least_sure_iteration(cells: list[Cell], evidence: str) -> None:
    (weakness,) = found("reward_accuracy", 0.9, *cells)
    assert weakness.evidence == evidence
    assert weakness.threshold == 0.6
    assert weakness.detail.startswith("reward accuracy is below 0.6 for 3 iterations: 0.5, ")


@pytest.mark.parametrize(
    ("values", "against"),
    [
        ((0.80, 0.80, 0.749), 0),  # two before the second is the baseline
        ((0.80, 0.80, 0.75), None),  # 0.05 lower, exactly
        ((0.80, 0.70), None),
        ((0.80, 0.70, 0.76), None),
        ((0.70, 0.80, 0.79, 0.74), 1),
        ((0.90, 0.80, 0.79, 0.76), None),  # three before is too long ago
        ((0.80, None, 0.70), 0),
        ((None, 0.80, 0.70), None),
        ((0.80, 0.80, float("nan")), None),
    ],
)
def test_task_accuracy_may_lose_five_hundredths_in_two_iterations(
    values: tuple[float | None, ...], against: int | None
) -> None:
    fires = against is not None
    weaknesses = found("task_accuracy", *values)
    assert [(each.type, each.severity, each.against) for each in weaknesses if each.type == "task_degradation"] == (
        [("task_degradation", "high", against)] * fires
    )


def test_task_accuracy_of_abandoned_tries_does_not_count() -> None:
    assert [each.against for each in found("task_accuracy", 0.7, 0.8, 0.9, 0.7, 0.7, parents=(None, 0, 1, 1, 3))] == [1]


@pytest.mark.parametrize(
    ("was", "now", "evidence"),
    [
        (right(800, 1000), right(700, 1000), "confirmed"),
        (right(80, 100), right(74, 100)[::-1], "suspected"),
        (right(9, 10), right(8, 10), "too_few_samples"),
        (0.8, 0.7, "too_few_samples"),
    ],
)
def test_how_sure_a_task_loss_is(was: Cell, now: Cell, evidence: str) -> None:
    (weakness,) = found("task_accuracy", was, was, now)
    assert (weakness.type, weakness.evidence) == ("task_degradation", evidence)
    (bare,) = found("task_accuracy", was, was, now, evidence=False)
    assert (bare.evidence, bare.p_value, bare.test) == ("off", None, "bare threshold")


@pytest.mark.parametrize(
    ("was", "now", "fires"),
    [
        (1.0, 2.0, False),
        (1.0, 2.001, True),
        (3.0, 6.0, False),  # normalised by the baseline's
        (3.0, 6.01, True),
        (0.1, 0.3, True),
        (None, 2.0, False),  # nothing to divide by: taken as normalised already
        (None, 2.1, True),
        (0.0, 2.0, False),
        (0.0, 2.1, True),
        (float("nan"), 2.1, True),
        (1.0, None, False),
        (1.0, float("nan"), False),
    ],
)
def test_reward_variance_may_double(was: float | None, now: float | None, fires: bool) -> None:
    weaknesses = found("reward_variance", was, now)
    assert [(each.type, each.severity) for each in weaknesses] == [("reward_instability", "high")] * fires
    assert [each.evidence for each in found("reward_variance", was, now, evidence=False)] == ["off"] * fires


@pytest.mark.parametrize(
    ("was", "now", "evidence", "test"),
    [
        ((1.0, 500), (3.0, 500), "confirmed", "F test of two variances, n = 500 and 500, p < 0.001"),
        ((1.0, 500), (2.1, 500), "suspected", "F test"),
        ((1.0, 500), (2.1, 10), "too_few_samples", "F test"),
        (None, (3.0, 500), "confirmed", "χ² test of a variance, n = 500, p < 0.001"),
        (1.0, (3.0, 500), "confirmed", "F test of two variances, n = 500 and 500"),  # the same prompts each time
        ((1.0, 500), 3.0, "confirmed", "F test of two variances, n = 500 and 500"),
        (1.0, (3.0, 1), "too_few_samples", "values alone"),
        (1.0, 3.0, "too_few_samples", "values alone"),
    ],
)
def test_how_sure_instability_is(was: Cell, now: Cell, evidence: str, test: str) -> None:
    (weakness,) = found("reward_variance", was, now)
    assert weakness.evidence == evidence
    assert weakness.test.startswith(test)
    assert weakness.detail.startswith("reward variance is ")


def test_a_recorded_interval_of_the_variance_is_used() -> None:
    wide = replace(cell_metric("reward_variance", (3.0, 100)), low=1.9, high=4.1)
    assert isinstance(wide, Metric)
    assert [each.evidence for each in found("reward_variance", 1.0, wide)] == ["suspected"]
    assert [each.evidence for each in found("reward_variance", 1.0, replace(wide, low=2.1))] == ["confirmed"]
    assert [each.evidence for each in found("reward_variance", 1.2, replace(wide, low=2.1))] == ["suspected"]
