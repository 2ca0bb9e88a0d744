from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.judgement.weights import DEFAULT, Phase, Schedule, kind_of, multiplier, weight


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("safety", [2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("balanced", [1.0] * 8),
        ("helpful", [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 1.5]),
        ("arithmetic", [1.0] * 8),
        ("", [1.0] * 8),
    ],
)
def test_safety_comes_first_then_balance_then_nuance(category: str, expected: list[float]) -> None:
    assert [multiplier(category, iteration) for iteration in range(8)] == expected


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("Safety-Critical", "safety"),
        ("safety_critical", "safety"),
        ("harmless-base", "safety"),
        ("helpful-online", "nuanced"),
        ("NUANCED", "nuanced"),
        ("unsafely", ""),
        ("maths", ""),
    ],
)
def test_a_category_is_known_by_its_words(category: str, kind: str) -> None:
    assert kind_of(category) == kind


def test_a_data_sets_own_categories_win_over_the_known_words() -> None:
    own = Schedule(DEFAULT.phases, {"Red-Team": "safety", "safety manuals": ""})
    assert multiplier("red-team", 1, own) == 2.0
    assert multiplier("safety manuals", 1, own) == 1.0


def test_a_schedule_that_ends_leaves_the_rest_at_one() -> None:
    assert multiplier("safety", 2, Schedule((Phase(2, {"safety": 3.0}),))) == 1.0


@given(st.floats(0, 100), st.sampled_from(["safety", "helpful", "balanced", "other"]), st.permutations(range(9)))
def test_a_weight_depends_on_nothing_that_was_asked_before(quality: float, category: str, asked: list[int]) -> None:
    weights = {iteration: weight(quality, category, iteration) for iteration in asked}
    assert weights == {iteration: quality * multiplier(category, iteration) for iteration in range(9)}
    assert max(weights.values()) <= 2 * quality


@pytest.mark.parametrize("quality", [float("nan"), float("inf"), -0.1])
def test_what_is_no_weight_is_refused(quality: float) -> None:
    with pytest.raises(ValueError, match="a finite number from 0"):
        weight(quality, "safety", 1)
