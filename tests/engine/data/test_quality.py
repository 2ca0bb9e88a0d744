from __future__ import annotations

import pytest

from engine.config import parse_config
from engine.data.filters import run_filters
from engine.data.quality import data_metrics, preference_gap
from engine.data.task import Pair

DATA = parse_config("data: {min_gap: 0.1}").data


def pair(i: int, better: float, worse: float, source: str = "on policy", scale: float = 1.0) -> Pair:
    scores = (better * scale, worse * scale)
    return Pair(f"p {i}", f"good {i}", f"bad {i}", gap=scores[0] - scores[1], source=source, scores=scores)


def test_the_gap_does_not_depend_on_the_judges_units() -> None:
    small = [pair(i, 0.4 + i / 10, 0.0) for i in range(7)]
    large = [pair(i, 0.4 + i / 10, 0.0, scale=50) for i in range(7)]
    one, other = preference_gap(small, small), preference_gap(large, large)
    assert one is not None
    assert other is not None
    assert one.value == pytest.approx(0.7)
    assert other.value == pytest.approx(0.7)
    assert one.low < 0.7 < one.high  # type: ignore[operator]


def test_each_source_is_held_against_its_own_scale() -> None:
    mixed = [pair(0, 1, 0), pair(1, 0.5, 0), pair(2, 10, 0, "file"), pair(3, 5, 0, "file")]
    metric = preference_gap(mixed, mixed)
    assert metric is not None
    assert metric.value == pytest.approx(0.75)


def test_nothing_is_said_of_a_gap_that_nobody_measured() -> None:
    report = run_filters([Pair("p", "good", "bad", source="file")], DATA, [])
    assert [metric.name for metric in data_metrics(report)] == ["pairs", "decontamination"]


def test_the_metrics_are_of_what_is_kept_and_of_all_that_was_collected() -> None:
    pairs = [*(pair(i, 1, 0) for i in range(3)), pair(3, 0.05, 0.0)]
    metrics = {metric.name: metric for metric in data_metrics(run_filters(pairs, DATA, ["p 0"]))}
    assert metrics["pairs"].value == 2
    assert metrics["decontamination"].value == 0.75
    assert metrics["preference_gap"].value == pytest.approx(1.0)
