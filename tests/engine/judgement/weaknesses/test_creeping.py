from __future__ import annotations

from typing import Any

import pytest

from engine.judgement.weaknesses import find_weaknesses
from engine.records import Budget, Weakness
from tests.fixtures.tables import Cell, right, table


def slides(*values: Cell, parents: tuple[int | None, ...] = (), **frame: Any) -> list[Weakness]:
    history = table(*({"mmlu": value} for value in values), parents=parents, **frame)
    return [weakness for weakness in find_weaknesses(history) if weakness.type == "creeping_regression"]


@pytest.mark.parametrize(
    ("values", "against"),
    [
        ((0.60, 0.59, 0.58, 0.57), 0),
        ((0.60, 0.61, 0.59, 0.58, 0.57), 1),
        ((0.60, 0.59, 0.58, 0.57, 0.56), 0),
        ((0.60, 0.59, 0.58), None),  # two losses are no slide yet
        ((0.60, 0.61, 0.59, 0.58), None),
        ((0.60, 0.59, 0.59, 0.58), None),  # standing still is no loss
        ((0.60, 0.59, 0.60, 0.58, 0.57), None),
        ((0.60, 0.50, 0.49, 0.48), None),  # the first loss is too great to creep
        ((0.60, 0.50, 0.49, 0.48, 0.47), 1),
        ((1.00, 0.95, 0.9025, 0.857375), 0),  # 0.95 of the one before, exactly, is no regression by itself
        ((1.00, 0.95, 0.9025, 0.857), None),
        ((0.60, 0.59, None, 0.57), None),
        ((0.60, 0.59, float("nan"), 0.57), None),
        ((0.60, 0.59, 0.58, None), None),
        ((0.0, 0.0, 0.0, 0.0), None),
    ],
)
def test_three_small_losses_in_a_row(values: tuple[float | None, ...], against: int | None) -> None:
    found = slides(*values)
    assert [(weakness.against, weakness.severity) for weakness in found] == (
        [(against, "high")] if against is not None else []
    )


def test_a_slide_carries_its_numbers() -> None:
    (weakness,) = slides(0.60, (0.59, 5000), (0.58, 5000), (0.56, 5000))
    assert (weakness.value, weakness.baseline, weakness.parent, weakness.threshold) == (0.56, 0.60, 0.58, 0.95)
    assert weakness.detail == "mmlu 0.6 → 0.56, a little lower in each of 3 iterations"
    assert weakness.evidence == "confirmed"
    assert "unpaired" in weakness.test


@pytest.mark.parametrize(
    ("rows", "evidence"),
    [
        ([right(count, 1000) for count in (600, 590, 580, 570)], "confirmed"),
        ([right(count, 100)[:: -1 if count == 57 else 1] for count in (60, 59, 58, 57)], "suspected"),
        ([right(count, 19) for count in (19, 19, 19)], None),
        ([(0.60, 10), (0.59, 10), (0.58, 10), (0.57, 10)], "too_few_samples"),
        ([0.60, 0.59, 0.58, 0.57], "too_few_samples"),
    ],
)
def test_how_sure_a_slide_is(rows: list[Cell], evidence: str | None) -> None:
    assert [weakness.evidence for weakness in slides(*rows)] == ([evidence] if evidence else [])
    assert [weakness.evidence for weakness in slides(*rows, evidence=False)] == (["off"] if evidence else [])


def test_abandoned_tries_are_on_no_slide() -> None:
    """0 → 1 → 3: iteration 2 was given up, and what is left are two losses."""
    assert slides(0.60, 0.59, 0.58, 0.57, parents=(None, 0, 1, 1)) == []
    assert [weakness.against for weakness in slides(0.6, 0.59, 0.7, 0.58, 0.57, parents=(None, 0, 1, 1, 3))] == [0]


def test_more_capabilities_ask_for_more_evidence() -> None:
    rows = [{"mmlu": right(count, 1000)} for count in (600, 598, 596, 595)]
    alone = table(*rows, budget=Budget(iterations=1))
    (weakness,) = find_weaknesses(alone)
    assert (weakness.type, weakness.evidence) == ("creeping_regression", "confirmed")
    beside = [{**row, "gsm8k": right(500, 1000), "humaneval": right(100, 164)} for row in rows]
    (weakness,) = find_weaknesses(table(*beside, budget=Budget(iterations=1)))
    assert (weakness.type, weakness.evidence) == ("creeping_regression", "suspected")
