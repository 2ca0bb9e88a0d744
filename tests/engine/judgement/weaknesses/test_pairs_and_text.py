"""Data that is not good enough, text that is all alike, and floors."""

from __future__ import annotations

from typing import Any

import pytest

from engine.judgement.weaknesses import find_weaknesses
from engine.records import Thresholds, Weakness
from tests.fixtures.tables import Cell, right, table


def found(before: dict[str, Cell], after: dict[str, Cell], **frame: Any) -> list[Weakness]:
    return list(find_weaknesses(table(before, after, **frame)))


@pytest.mark.parametrize(
    ("name", "value", "fires"),
    [
        ("preference_gap", 0.15, False),
        ("preference_gap", 0.149, True),
        ("pairs", 1000.0, False),
        ("pairs", 999.0, True),
        ("pairs", 0.0, True),
        ("decontamination", 0.9, False),
        ("decontamination", 0.899, True),
        *(
            (name, odd, False)
            for name in ("preference_gap", "pairs", "decontamination")
            for odd in (None, float("nan"))
        ),
    ],
)
def test_pairs_too_few_too_close_or_not_clean(name: str, value: float | None, fires: bool) -> None:
    weaknesses = found({}, {name: value})
    assert [(each.type, each.metric, each.severity) for each in weaknesses] == [
        ("data_quality", name, "medium")
    ] * fires
    assert [each.evidence for each in weaknesses] == ["confirmed"] * fires  # counted, not sampled
    assert [each.evidence for each in found({}, {name: value}, evidence=False)] == ["off"] * fires


def test_how_many_pairs_are_enough_is_configured() -> None:
    assert found({}, {"pairs": 60.0}, thresholds=Thresholds(pairs=48)) == []
    (weakness,) = found({}, {"pairs": 47.0}, thresholds=Thresholds(pairs=48))
    assert weakness.detail == "pairs to train on: 47, below 48"


@pytest.mark.parametrize("name", ["distinct_2", "distinct_1", "entropy"])
@pytest.mark.parametrize(
    ("was", "now", "fires"),
    [
        (2.0, 1.4, False),
        (2.0, 1.39, True),
        (2.0, 2.4, False),
        (0.0, 0.0, False),
        (None, 0.1, False),
        (2.0, None, False),
        (2.0, float("nan"), False),
    ],
)
def test_text_may_keep_seven_tenths_of_its_variety(
    name: str, was: float | None, now: float | None, fires: bool
) -> None:
    weaknesses = found({name: was}, {name: now})
    assert [(each.type, each.metric, each.severity) for each in weaknesses] == (
        [("diversity_collapse", name, "medium")] * fires
    )
    assert [each.evidence for each in found({name: was}, {name: now}, evidence=False)] == ["off"] * fires


@pytest.mark.parametrize(
    ("was", "now", "evidence"),
    [
        ([0.8, 0.9] * 30, [0.4, 0.5] * 30, "confirmed"),
        ([0.0, 0.9] * 12, [0.59, 0.0] * 12, "suspected"),
        ([0.5, 0.9] * 5, [0.8, 0.1] * 5, "too_few_samples"),
        (0.8, 0.4, "too_few_samples"),
    ],
)
def test_how_sure_a_collapse_is(was: Cell, now: Cell, evidence: str) -> None:
    (weakness,) = found({"distinct_2": was}, {"distinct_2": now})
    assert (weakness.evidence, weakness.against) == (evidence, 0)


@pytest.mark.parametrize(("value", "fires"), [(0.7, False), (0.699, True), (None, False), (float("nan"), False)])
def test_floors_are_the_operators(value: float | None, fires: bool) -> None:
    floors = Thresholds(floors={"task_accuracy": 0.7})
    weaknesses = found({"task_accuracy": 0.7}, {"task_accuracy": value}, thresholds=floors)
    assert [(each.type, each.severity, each.threshold) for each in weaknesses] == [
        ("below_floor", "critical", 0.7)
    ] * fires
    assert found({"task_accuracy": 0.7}, {"task_accuracy": value}) == []


@pytest.mark.parametrize(
    ("cell", "evidence"),
    [(right(500, 1000), "confirmed"), (right(68, 100), "suspected"), ((0.5, 10), "too_few_samples")],
)
def test_how_sure_a_fall_through_a_floor_is(cell: Cell, evidence: str) -> None:
    floors = Thresholds(floors={"task_accuracy": 0.7})
    (weakness,) = found({}, {"task_accuracy": cell}, thresholds=floors)
    assert weakness.evidence == evidence
    (bare,) = found({}, {"task_accuracy": cell}, thresholds=floors, evidence=False)
    assert (bare.evidence, bare.test) == ("off", "bare threshold")
