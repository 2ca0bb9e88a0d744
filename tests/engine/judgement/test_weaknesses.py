from __future__ import annotations

import pytest

from engine.judgement.weaknesses import DETECTORS, find_weaknesses
from engine.records import Budget, Metric, Weakness
from tests.fixtures.tables import Cell, right, split, table

START = {"win": 0.5, "kl": 0.0, "gsm8k": 0.4, "mmlu": 0.5}
FINE: dict[str, Cell] = {"win": 0.6, "kl": 0.05, "gsm8k": 0.4, "mmlu": 0.5}


def found(**cells: Cell) -> list[Weakness]:
    return list(find_weaknesses(table(START, {**FINE, **cells})))


def test_a_sound_iteration_has_none_and_neither_has_the_baseline() -> None:
    assert found() == []
    assert find_weaknesses(table({**START, "kl": 0.5, "win": 0.1})) == ()


@pytest.mark.parametrize(
    ("value", "severity"),
    [(0.38, None), (0.3799, "high"), (0.36, "high"), (0.3599, "critical"), (0.0, "critical"), (0.5, None)],
)
def test_a_capability_may_keep_95_hundredths_of_the_baseline(value: float, severity: str | None) -> None:
    weaknesses = found(gsm8k=value)
    assert [(w.type, w.metric, w.severity) for w in weaknesses] == (
        [("capability_regression", "gsm8k", severity)] if severity else []
    )


@pytest.mark.parametrize(("value", "severity"), [(-0.05, None), (-0.06, "high"), (-0.11, "critical"), (0.3, None)])
def test_from_a_baseline_of_nothing_the_absolute_drop_counts(value: float, severity: str | None) -> None:
    history = table({**START, "gsm8k": 0.0}, {**FINE, "gsm8k": value})
    assert [weakness.severity for weakness in find_weaknesses(history)] == ([severity] if severity else [])


@pytest.mark.parametrize(("value", "fires"), [(0.55, False), (0.5499, True), (0.0, True), (1.0, False)])
def test_too_little_alignment(value: float, fires: bool) -> None:
    assert [(w.type, w.severity) for w in found(win=value)] == [("insufficient_alignment", "medium")] * fires


@pytest.mark.parametrize(("value", "severity"), [(0.1, None), (0.1001, "high"), (0.2, "high"), (0.21, "critical")])
def test_too_far_from_the_baseline(value: float, severity: str | None) -> None:
    assert [(w.type, w.severity) for w in found(kl=value)] == ([("kl_violation", severity)] if severity else [])


def test_a_weakness_carries_its_numbers() -> None:
    (weakness,) = find_weaknesses(table(START, FINE, {**FINE, "gsm8k": (0.3, 1319)}))
    assert (weakness.value, weakness.baseline, weakness.parent, weakness.threshold) == (0.3, 0.4, 0.4, 0.95)
    assert weakness.detail == "gsm8k 0.4 → 0.3: 75 % of the baseline, below 95 %"
    assert weakness.evidence == "confirmed"
    assert weakness.p_value is not None
    assert weakness.p_value < 0.001


def test_a_threshold_crossed_by_chance_stays_suspected() -> None:
    history = table({**START, "gsm8k": right(101, 164)}, {**FINE, "gsm8k": right(95, 164)[::-1]})
    (weakness,) = find_weaknesses(history)
    assert (weakness.metric, weakness.evidence) == ("gsm8k", "suspected")


def test_more_capabilities_measured_ask_for_more_evidence() -> None:
    """Holm: six lost items of six are p = 1/64, enough alone at α = 0.05 and not beside nine others."""
    before, after = right(60, 100), [0.0] * 6 + right(54, 94)
    lone = table({"gsm8k": before}, {"gsm8k": after}, budget=Budget(iterations=1))
    others = {f"task{i}": Metric(f"task{i}", 0.5, "capability", 100, items=tuple(right(50, 100))) for i in range(9)}
    crowd = table({"gsm8k": before, **others}, {"gsm8k": after, **others}, budget=Budget(iterations=1))
    assert find_weaknesses(lone)[0].evidence == "confirmed"
    assert find_weaknesses(crowd)[0].evidence == "suspected"


def test_without_evidence_thresholds_are_bare_and_labelled_so() -> None:
    weaknesses = find_weaknesses(table(START, {**FINE, "gsm8k": 0.3, "kl": 0.3}, evidence=False))
    assert {weakness.evidence for weakness in weaknesses} == {"off"}
    assert {weakness.test for weakness in weaknesses} == {"bare threshold"}


def test_the_worst_comes_first() -> None:
    weaknesses = found(gsm8k=0.39 * 0.95, kl=0.3, win=0.4)
    assert [weakness.type for weakness in weaknesses] == [
        "kl_violation",
        "capability_regression",
        "insufficient_alignment",
    ]


def test_what_is_no_capability_or_was_not_measured_does_not_fire() -> None:
    assert found(vibes=0.1, perplexity=900.0, gsm8k=None, win=None, kl=float("nan")) == []


def test_every_type_of_the_specification_can_be_found() -> None:
    types = {detector.__name__ for detector in DETECTORS}
    assert types == {
        *("capability_regression", "insufficient_alignment", "kl_violation", "category_gap", "alternating"),
        *("slow_convergence", "creeping_regression", "reward_degradation", "task_degradation", "reward_instability"),
        *("over_optimisation", "diversity_collapse", "data_quality", "below_floor"),
    }


def test_what_is_found_depends_on_no_order_and_no_earlier_search() -> None:
    rows: list[dict[str, Cell]] = [
        {
            "gsm8k": split("gsm8k", easy=right(80 - index, 100), hard=right(40 - 5 * index, 100)),
            "win": (0.5 + index / 100, 200),
            "judge_score": 0.5 + index / 10,
            "preference_accuracy": 0.7 - index / 10,
            "distinct_2": 0.9 - index / 5,
            "entropy": 2.0 - index / 2,
            "pairs": 10.0,
        }
        for index in range(4)
    ]
    found = find_weaknesses(table(*rows))
    assert {each.type for each in found} >= {"category_gap", "over_optimisation", "diversity_collapse", "data_quality"}
    assert (
        find_weaknesses(table(*(dict(reversed(row.items())) for row in rows))) == found == find_weaknesses(table(*rows))
    )
