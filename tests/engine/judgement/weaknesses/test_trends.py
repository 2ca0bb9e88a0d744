from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.judgement.weaknesses import find_weaknesses
from engine.records import Thresholds, Weakness
from tests.fixtures.tables import Cell, right, table

BASE: dict[str, Cell] = {"win": 0.5}


def found(kind: str, *values: Cell, name: str = "win", **frame: Any) -> list[Weakness]:
    history = table(BASE, *({name: value} for value in values), **frame)
    return [weakness for weakness in find_weaknesses(history) if weakness.type == kind]


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        ((0.60, 0.65, 0.62, 0.66), True),
        ((0.60, 0.65, 0.62, 0.62), False),
        ((0.60, 0.60, 0.58, 0.62), False),
        ((0.65, 0.62, 0.66), False),  # the baseline's one half is no part of a trend
        ((0.60, 0.65, 0.62, 0.66, 0.64), False),  # falls, as the last thing it does
        ((0.70, 0.60, 0.65, 0.62, 0.66), True),
        ((0.60, 0.65, None, 0.66), False),
        ((0.60, float("nan"), 0.62, 0.66), False),
        ((0.60, 0.65, 0.62, None), False),
    ],
)
def test_up_down_and_up_again(values: tuple[float | None, ...], fires: bool) -> None:
    assert [weakness.severity for weakness in found("alternating", *values)] == ["medium"] * fires
    assert [weakness.evidence for weakness in found("alternating", *values, evidence=False)] == ["off"] * fires


def test_an_alternation_carries_its_path() -> None:
    (weakness,) = found("alternating", 0.60, 0.65, 0.62, 0.66)
    assert weakness.detail == "win rate up, down and up again: 0.6 → 0.65 → 0.62 → 0.66"
    assert (weakness.metric, weakness.against, weakness.baseline) == ("win_rate_vs_baseline", 3, 0.5)


@pytest.mark.parametrize(
    ("rows", "evidence"),
    [
        ([right(count, 1000) for count in (600, 700, 600, 700)], "confirmed"),
        ([right(600, 1000), right(700, 1000), right(698, 1000), right(800, 1000)], "suspected"),  # one turn is not sure
        ([(0.60, 10), (0.65, 10), (0.62, 10), (0.66, 10)], "too_few_samples"),
        ([0.60, 0.65, 0.62, 0.66], "too_few_samples"),
    ],
)
def test_an_alternation_is_as_sure_as_its_least_sure_turn(rows: list[Cell], evidence: str) -> None:
    (weakness,) = found("alternating", *rows)
    assert weakness.evidence == evidence


def test_abandoned_tries_are_on_no_trend() -> None:
    given_up = (None, 0, 1, 2, 2, 4)  # iteration 3 led nowhere
    assert len(found("alternating", 0.60, 0.65, 0.9, 0.62, 0.66, parents=given_up)) == 1
    assert found("alternating", 0.60, 0.65, 0.62, 0.66, parents=(None, 0, 1, 2, 2)) == []


@pytest.mark.parametrize(
    ("values", "fires"),
    [
        ((0.530, 0.535, 0.539), True),
        ((0.530, 0.535, 0.540), False),  # 0.01 gained, exactly
        ((0.545, 0.548, 0.550), False),  # the goal is reached
        ((0.545, 0.548, 0.549), True),
        ((0.540, 0.530, 0.520), True),
        ((0.530, 0.535), False),
        ((0.400, 0.530, 0.535, 0.539), True),
        ((0.530, None, 0.539), False),
        ((0.530, 0.535, float("nan")), False),
    ],
)
def test_slow_while_the_win_rate_is_short_of_its_limit(values: tuple[float | None, ...], fires: bool) -> None:
    assert [weakness.severity for weakness in found("slow_convergence", *values)] == ["low"] * fires
    assert [weakness.evidence for weakness in found("slow_convergence", *values, evidence=False)] == ["off"] * fires


@pytest.mark.parametrize(("score", "fires"), [(0.95, True), (0.951, False), (None, False)])
def test_an_alignment_score_below_its_goal_is_a_goal_unmet(score: float | None, fires: bool) -> None:
    rows = [{"win": 0.6, "alignment_score": score} for _ in range(3)]
    weaknesses = find_weaknesses(table(BASE, *rows))
    assert [weakness.type for weakness in weaknesses] == ["slow_convergence"] * fires


def test_the_span_and_the_gain_are_the_operators() -> None:
    limits = Thresholds(slow_iterations=2, slow_gain=0.03)
    (weakness,) = found("slow_convergence", 0.40, 0.51, 0.53, thresholds=limits)
    assert weakness.detail == "win rate +0.02 over 2 iterations, less than 0.03"
    assert (weakness.threshold, weakness.against) == (0.03, 2)
    assert found("slow_convergence", 0.40, 0.50, 0.53, thresholds=limits) == []


@pytest.mark.parametrize(
    ("rows", "evidence"),
    [
        ([right(count, 4000) for count in (2160, 2160, 2160)], "confirmed"),  # the very same items: no gain at all
        ([right(216, 400), right(217, 400), right(219, 400)[::-1]], "suspected"),
        ([(0.54, 12), (0.54, 12), (0.54, 12)], "too_few_samples"),
        ([0.54, 0.54, 0.54], "too_few_samples"),
    ],
)
def test_how_sure_slowness_is(rows: list[Cell], evidence: str) -> None:
    (weakness,) = found("slow_convergence", *rows)
    assert weakness.evidence == evidence


def test_without_a_win_rate_the_next_key_metric_is_followed() -> None:
    rows = [{"alignment_score": value} for value in (0.5, 0.6, 0.7, 0.65, 0.75)]
    (weakness,) = (each for each in find_weaknesses(table(*rows)) if each.type == "alternating")
    assert weakness.detail.startswith("alignment score up, down")


def test_a_gain_is_measured_on_the_same_items() -> None:
    """Of 400 items 36 change hands and nothing is gained: paired, that is surely no gain of a quarter."""
    rows = [right(216, 400), right(216, 400), right(198, 382) + right(18, 18)]
    limits = replace(Thresholds(), slow_gain=0.25)
    (weakness,) = found("slow_convergence", *rows, thresholds=limits)
    assert weakness.evidence == "confirmed"
    assert "paired" in weakness.test
