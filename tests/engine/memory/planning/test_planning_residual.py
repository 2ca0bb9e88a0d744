"""Planned against measured, by card."""

from __future__ import annotations

import pytest

from engine.memory.planning.residual import Residual, residual, residual_of
from engine.records import Memory, Plan, StagePeak, as_json

PLAN = Plan("m", (StagePeak("dpo", 900, 1100, 1000), StagePeak("evaluate", 940, 2000, 950)), workspaces=10)


def test_a_run_on_a_card_is_held_against_its_largest_peak() -> None:
    found = residual(PLAN, Memory("gpu", "RTX 4070", peak=1000))
    assert found == Residual("RTX 4070", 950, 1000)
    assert found.error == pytest.approx(-0.05)
    assert Residual.parse(as_json(found)) == found


@pytest.mark.parametrize(
    "memory",
    [Memory("host", "RAM", peak=5), Memory("gpu", "a", peak=None), Memory("gpu", "a", peak=7, simulated=True)],
)
def test_what_is_no_reading_of_a_card_is_none(memory: Memory) -> None:
    assert residual(PLAN, memory) is None


def test_a_card_corrects_by_the_median_of_its_own_runs() -> None:
    found = [Residual("a", planned, 100) for planned in (102, 110, 104)] + [Residual("b", 50, 100)]
    card = residual_of(found, "a")
    assert card is not None
    assert (card.count, card.lowest, card.middle, card.highest) == pytest.approx((3, 0.02, 0.04, 0.10))
    assert card.corrected(208) == 200
    assert card.words == "3 runs on this card: plans were off by +2.0% to +10.0%"
    assert residual_of(found, "c") is None
