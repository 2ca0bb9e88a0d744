from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.judgement.weaknesses import find_weaknesses
from engine.records import Metric, Weakness
from tests.fixtures.tables import Cell, right, table

Row = dict[str, Cell]
START: Row = {"win": 0.5, "length": 100.0}


def over(*rows: Row, **frame: Any) -> list[Weakness]:
    return [weakness for weakness in find_weaknesses(table(*rows, **frame)) if weakness.type == "over_optimisation"]


@pytest.mark.parametrize("held_out", ["held_out_judge_score", "preference_accuracy", "lc_win_rate", "alpaca_eval.LC"])
@pytest.mark.parametrize(
    ("rise", "fall", "fires"),
    [
        (0.60, 0.20, True),
        (0.511, 0.20, True),
        (0.51, 0.20, False),  # no more than a gain that counts
        (0.60, 0.24, False),
        (0.60, 0.239, True),
        (0.60, 0.30, False),
        (0.40, 0.20, False),  # both judges see the loss
        (0.60, None, False),
        (None, 0.20, False),
        (0.60, float("nan"), False),
    ],
)
def test_the_training_judge_rises_while_another_measure_falls(
    held_out: str, rise: float | None, fall: float | None, fires: bool
) -> None:
    found = over({"judge_score": 0.5, held_out: 0.25}, {"judge_score": rise, held_out: fall})
    assert [(weakness.metric, weakness.severity) for weakness in found] == [(held_out, "high")] * fires


def test_a_split_carries_its_numbers() -> None:
    rows: list[Row] = [
        {"judge_score": 0.5, "preference_accuracy": 0.7},
        {"judge_score": 0.6, "preference_accuracy": 0.8},
    ]
    (weakness,) = over(*rows, {"judge_score": 0.7, "preference_accuracy": 0.6})
    assert (weakness.value, weakness.baseline, weakness.parent, weakness.against) == (0.6, 0.7, 0.8, 1)
    assert weakness.detail == "judge_score rises 0.6 → 0.7 while preference_accuracy falls 0.8 → 0.6"


def test_moves_are_weighed_from_the_parent_and_not_from_a_try_that_was_given_up() -> None:
    rows: list[Row] = [
        {"judge_score": score, "preference_accuracy": accuracy}
        for score, accuracy in ((0.5, 0.7), (0.6, 0.8), (0.9, 0.5), (0.8, 0.8))
    ]
    assert over(*rows, parents=(None, 0, 1, 1)) == []
    assert len(over(*rows[:3])) == 1


def test_without_a_score_of_its_own_the_training_judge_gives_the_win_rate() -> None:
    assert [each.metric for each in over({"LC": 0.2}, {"win": 0.6, "LC": 0.15})] == ["LC"]  # from one half
    assert over({"win": 0.5, "LC": 0.2}, {"win": 0.49, "LC": 0.15}) == []


def test_the_win_rate_is_the_held_out_judges_where_one_is_named() -> None:
    before: Row = {"win": 0.6, "held_out_judge_score": 0.5, "preference_accuracy": 0.7}
    after: Row = {"win": 0.7, "held_out_judge_score": 0.4, "preference_accuracy": 0.5}
    assert over(START, before, after) == []  # what the training judge thinks is not known
    (weakness,) = over(
        START,
        {"judge_score": 0.5, "held_out_judge_score": 0.5, "win": 0.6},
        {"judge_score": 0.6, "held_out_judge_score": 0.5, "win": 0.5},
    )
    assert weakness.metric == "win_rate_vs_baseline"
    assert over(START, {"judge_score": 0.5, "win": 0.6}, {"judge_score": 0.6, "win": 0.5}) == []


@pytest.mark.parametrize(
    ("cells", "fires"),
    [
        ({"length": 150.0}, False),
        ({"length": 150.1}, True),
        ({"length_ratio": 1.5}, False),
        ({"length_ratio": 1.51}, True),
        ({"length": 400.0, "length_ratio": 1.2}, False),  # the ratio is what was measured
        ({"length": None}, False),
        ({"length_ratio": float("nan")}, False),
        ({"length_ratio": None, "length": 160.0}, True),
    ],
)
def test_length_may_grow_by_half(cells: Row, fires: bool) -> None:
    assert [(each.severity, each.against) for each in over(START, cells)] == [("high", 0)] * fires
    assert [each.evidence for each in over(START, cells, evidence=False)] == ["off"] * fires


@pytest.mark.parametrize("start", [None, 0.0, float("nan")])
def test_a_length_without_one_to_compare_with_says_nothing(start: float | None) -> None:
    assert over({"length": start}, {"length": 900.0}) == []


def test_how_sure_a_length_is() -> None:
    start: Row = {"length": [90.0, 110.0] * 20}
    assert [each.evidence for each in over(start, {"length": [190.0, 210.0] * 20})] == ["confirmed"]
    assert [each.evidence for each in over(start, {"length": [10.0, 292.0] * 20})] == ["suspected"]
    assert [each.evidence for each in over({"length": 100.0}, {"length": 190.0})] == ["too_few_samples"]
    ratio = Metric("length_ratio", 1.6, n=40, low=1.4, high=1.8)
    assert [each.evidence for each in over({}, {"length_ratio": ratio})] == ["suspected"]
    assert [each.evidence for each in over({}, {"length_ratio": replace(ratio, low=1.55)})] == ["confirmed"]


SURE: Row = {"judge_score": right(500, 1000), "preference_accuracy": right(700, 1000)}


@pytest.mark.parametrize(
    ("after", "evidence"),
    [
        ({"judge_score": right(600, 1000), "preference_accuracy": right(600, 1000)}, "confirmed"),
        ({"judge_score": right(600, 1000), "preference_accuracy": right(680, 1000)[::-1]}, "suspected"),
        ({"judge_score": right(520, 1000)[::-1], "preference_accuracy": right(600, 1000)}, "suspected"),
        ({"judge_score": 0.6, "preference_accuracy": 0.6}, "too_few_samples"),
    ],
)
def test_a_split_is_sure_where_rise_and_fall_both_are(after: Row, evidence: str) -> None:
    before: Row = SURE if evidence != "too_few_samples" else {"judge_score": 0.5, "preference_accuracy": 0.7}
    assert [each.evidence for each in over(before, after)] == [evidence]
    assert [each.evidence for each in over(before, after, evidence=False)] == ["off"]


def test_two_signs_at_once_are_sure() -> None:
    before: Row = {"judge_score": 0.613, "LC": 0.2378, "length": 1676.0}
    after: Row = {"judge_score": 0.707, "LC": 0.2108, "length": 2660.0}
    (weakness,) = over(before, after)
    assert (weakness.metric, weakness.evidence) == ("LC", "confirmed")
    assert weakness.detail == "judge_score rises 0.613 → 0.707 while LC falls 0.238 → 0.211, and length ×1.59"
    assert weakness.test.startswith("two signs agree")


def test_two_signs_of_a_handful_of_samples_are_not() -> None:
    before: Row = {"judge_score": (0.6, 9), "preference_accuracy": (0.7, 9), "length": 100.0}
    (weakness,) = over(before, {"judge_score": (0.7, 9), "preference_accuracy": (0.6, 9), "length": 160.0})
    assert weakness.evidence == "too_few_samples"


class TestPastThePeak:
    """PPO's looks: at the policy that was kept, and at the best one, by the same judge at the same prompts."""

    @staticmethod
    def looks(kept: list[float], peak: list[float]) -> list[Weakness]:
        def metric(name: str, items: list[float]) -> Metric:
            return Metric(name, sum(items) / len(items), "alignment", len(items), items=tuple(items))

        history = table({"win": 0.5}, {"win": 0.8})
        last = history.iterations[-1]
        seen = {
            "held_out_look": metric("held_out_look", kept),
            "held_out_look_peak": metric("held_out_look_peak", peak),
        }
        last = replace(last, metrics={**last.metrics, **seen})
        found = find_weaknesses(replace(history, iterations=(*history.iterations[:-1], last)))
        return [weakness for weakness in found if weakness.type == "over_optimisation"]

    def test_a_policy_that_was_better_before_is_over_optimised(self) -> None:
        peak = [2.0 + 0.1 * (i % 5) for i in range(40)]
        (weakness,) = self.looks([item - 1 - 0.1 * (i % 3) for i, item in enumerate(peak)], peak)
        assert (weakness.evidence, weakness.severity, weakness.metric) == ("confirmed", "high", "held_out_look")
        assert weakness.detail == "the held-out judge fell from 2.2 to 1.1 while training went on"

    def test_the_peak_itself_is_not(self) -> None:
        peak = [2.0, 1.0] * 20
        assert self.looks(peak, peak) == []

    def test_a_fall_that_may_be_luck_is_suspected(self) -> None:
        peak = [2.0, 1.0] * 20
        (weakness,) = self.looks([1.0, 1.8] * 20, peak)
        assert weakness.evidence == "suspected"
