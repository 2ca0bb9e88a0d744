"""Each row at its boundary, and which row comes first where several would hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.judgement import assess
from engine.judgement.best import best
from engine.judgement.gates import quality_gates
from engine.judgement.verdict import Case, open_case, rule
from engine.judgement.verdict.rows import ROWS, WEARING
from engine.records import Assessment, Budget, Evidence, Metric, Spent, Thresholds, Weakness
from tests.fixtures.tables import Cell, table

START: dict[str, Cell] = {"win": 0.5, "kl": 0.0, "gsm8k": (0.4, 1319)}
FINE: dict[str, Cell] = {"win": 0.6, "kl": 0.05, "gsm8k": (0.4, 1319)}
SCORED: dict[str, Cell] = {"alignment_score": 0.5, "kl": 0.0}


def fine(**cells: Cell) -> dict[str, Cell]:
    return {**FINE, **cells}


def scored(score: Cell, **cells: Cell) -> dict[str, Cell]:
    return {"alignment_score": score, "kl": 0.05, **cells}


def action(assessment: Assessment) -> tuple[str, int | None]:
    return assessment.verdict.action, assessment.verdict.to


def found(kind: str, evidence: Evidence = "confirmed", metric: str = "gsm8k") -> Weakness:
    return Weakness(kind, metric, 0.4, 0.5, "high", evidence, detail=f"{kind} in {metric}", test="a test")


def ruled(case: Case) -> tuple[str, int | None]:
    verdict = rule(case).verdict
    return verdict.action, verdict.to


def second(*weaknesses: Weakness, **frame: Any) -> Case:
    """A second iteration that improves on a sound first, with these weaknesses and no others."""
    return replace(open_case(table(START, FINE, fine(win=0.65), **frame)), weaknesses=weaknesses)


def test_the_order_of_the_rows_is_the_specs() -> None:
    assert [row.__name__ for row in ROWS] == [
        "start_model",
        "evaluation_failed",
        "budget_exhausted",
        "below_floor",
        "regressed",
        "drifted",
        "degrading",
        "arrived",
        "diminishing",
        "improving",
        "cannot_tell",
    ]


@pytest.mark.parametrize("kind", sorted(WEARING))
def test_what_wears_the_run_out_goes_back_to_the_previous_best_once_it_is_sure(kind: str) -> None:
    ruling = rule(second(found(kind)))
    assert (ruling.verdict.action, ruling.verdict.to) == ("rollback", 1)
    assert ruling.cause is not None
    assert ruling.cause.type == "degradation"
    assert f"{kind} in gsm8k" in "\n".join(ruling.verdict.reasons)
    assert ruled(second(found(kind, "off"))) == ("rollback", 1)


@pytest.mark.parametrize("kind", sorted(WEARING | {"capability_regression"}))
@pytest.mark.parametrize("evidence", ["suspected", "too_few_samples"])
def test_what_is_only_suspected_never_goes_back_by_itself(kind: str, evidence: Evidence) -> None:
    ruling = rule(second(found(kind, evidence)))
    assert ruling.verdict.action == "accept"
    assert any(f"{kind} in gsm8k" in reason for reason in ruling.verdict.reasons)


def test_every_row_yields_to_those_above_it() -> None:
    kl, lost = found("kl_violation", metric="kl_divergence"), found("capability_regression")
    worn = found("over_optimisation")
    spent = replace(second(kl, lost, worn).history, budget=Budget(iterations=2))
    assert ruled(replace(second(kl, lost, worn), history=spent, failures=("gsm8k",)))[0] == "retry"
    assert ruled(replace(second(kl, lost, worn), history=spent))[0] == "finish"
    assert ruled(second(kl, lost, worn))[0] == "rollback"
    assert ruled(second(kl, worn)) == ("retry", 1)
    assert ruled(second(worn)) == ("rollback", 1)
    assert ruled(second()) == ("accept", None)


def test_data_weaknesses_and_trends_change_no_verdict() -> None:
    kinds = ("data_quality", "category_gap", "alternating", "slow_convergence", "diversity_collapse", "below_floor")
    assert ruled(second(*map(found, kinds))) == ("accept", None)


@pytest.mark.parametrize(("kl", "expected"), [(0.1, "accept"), (0.1001, "retry")])
def test_kl_acts_above_its_limit_and_not_at_it(kl: float, expected: str) -> None:
    assert action(assess(table(START, fine(kl=kl))))[0] == expected


@pytest.mark.parametrize(("win", "expected"), [(0.61, "accept"), (0.6, "ask"), (0.59, "ask")])
def test_improving_is_above_the_parent(win: float, expected: str) -> None:
    assert action(assess(table(START, FINE, fine(win=win))))[0] == expected


@pytest.mark.parametrize(("score", "expected"), [(0.95, "accept"), (0.951, "finish")])
def test_the_goal_is_above_its_threshold_and_ends_the_run_at_once(score: float, expected: str) -> None:
    metric = Metric("alignment_score", score, "alignment")
    assert action(assess(table(START, {**FINE, "alignment_score": metric})))[0] == expected


@pytest.mark.parametrize(("last", "expected"), [(0.5399, "finish"), (0.54, "accept")])
def test_diminishing_returns_are_less_than_a_hundredth_in_five(last: float, expected: str) -> None:
    rows = [fine(win=win) for win in (0.53, 0.50, 0.535, 0.50, last)]
    assert action(assess(table(START, *rows)))[0] == expected


def test_four_iterations_are_too_few_for_diminishing_returns() -> None:
    rows = [fine(win=win) for win in (0.53, 0.50, 0.535, 0.5301)]
    assert action(assess(table(START, *rows)))[0] == "ask"


@pytest.mark.parametrize(("hours", "expected"), [(2.0, "accept"), (1.99, "finish")])
def test_the_budget_must_hold_another_whole_iteration(hours: float, expected: str) -> None:
    spent = Spent(wall_s=3600, gpu_s=3600, next_iteration_s=3600)
    assert action(assess(table(START, FINE, budget=Budget(wall_hours=hours), spent=spent)))[0] == expected
    assert action(assess(table(START, FINE, budget=Budget(gpu_hours=hours), spent=spent)))[0] == expected


FLOOR = Thresholds(floors={"task_accuracy": 0.7})


@pytest.mark.parametrize(("accuracy", "expected"), [(0.7, ("accept", None)), (0.699, ("finish", 1))])
def test_a_floor_stops_the_run_below_it_with_what_stands_above_it(accuracy: float, expected: tuple[str, int]) -> None:
    rows = fine(task_accuracy=0.72), fine(win=0.65, task_accuracy=accuracy)
    assessment = assess(table({**START, "task_accuracy": 0.72}, *rows, thresholds=FLOOR))
    assert action(assessment) == expected


def test_floors_are_off_unless_configured() -> None:
    assert action(assess(table({**START, "task_accuracy": 0.5}, fine(task_accuracy=0.5))))[0] == "accept"


def test_the_first_iteration_may_stop_the_run() -> None:
    assessment = assess(table({**START, "task_accuracy": 0.72}, fine(task_accuracy=0.6), thresholds=FLOOR))
    assert action(assessment) == ("finish", 0)
    assert "task accuracy 0.6 is below its floor of 0.7" in assessment.verdict.reasons


@pytest.mark.parametrize("cell", [None, float("nan"), float("inf")])
def test_a_floored_metric_that_is_missing_is_a_failed_evaluation(cell: Cell) -> None:
    for row in (fine(task_accuracy=cell), FINE):
        history = table(START, row, thresholds=FLOOR)
        assert action(assess(history)) == ("retry", 0)
        assert not all(gate.passed for gate in quality_gates(history))
        assert best(history) == 0


@pytest.mark.parametrize("name", ["alignment_score", "task_accuracy", "reward_accuracy", "reward_variance"])
def test_an_rlhf_figure_that_was_there_before_and_is_gone_is_a_failed_evaluation(name: str) -> None:
    assert action(assess(table(START, fine(**{name: 0.9}), fine(win=0.65)))) == ("retry", 1)


def test_without_a_win_rate_the_alignment_score_says_what_improves() -> None:
    assert action(assess(table(SCORED, scored(0.6), scored(0.7)))) == ("accept", None)
    assert action(assess(table(SCORED, scored(0.6), scored(0.6))))[0] == "ask"
    assert action(assess(table(SCORED, scored(0.4))))[0] == "ask"
    assert best(table(SCORED, scored(0.6), scored(0.7), scored(0.65))) == 2
    assert best(table(SCORED, scored(0.4))) == 0


def test_without_a_win_rate_a_sure_loss_of_alignment_is_degrading() -> None:
    rows = (
        scored(Metric("alignment_score", 0.8, "alignment", 805)),
        scored(Metric("alignment_score", 0.6, "alignment", 805)),
    )
    assessment = assess(table(SCORED, *rows))
    assert action(assessment) == ("rollback", 1)
    assert assessment.verdict.reasons[0] == "alignment score 0.6, down from 0.8 in iteration 1"


def test_task_accuracy_is_the_key_only_where_nothing_else_is() -> None:
    rows: list[dict[str, Cell]] = [{"task_accuracy": value, "kl": 0.05} for value in (0.7, 0.8)]
    assert action(assess(table(*rows))) == ("accept", None)
    assert action(assess(table(*({**row, "alignment_score": 0.6} for row in rows))))[0] == "ask"


def test_nothing_stands_in_for_kl() -> None:
    assessment = assess(table({"alignment_score": 0.5}, {"alignment_score": 0.96}))
    assert action(assessment)[0] == "ask"
    assert "as far as it was measured: alignment score 0.5 → 0.96" in assessment.verdict.reasons


@pytest.mark.parametrize(
    ("name", "start", "now", "passes"),
    [
        ("preference_accuracy", 0.6, 0.57, True),
        ("preference_accuracy", 0.6, 0.5699, False),
        ("reward_accuracy", 0.8, 0.75, False),
        ("task_accuracy", 0.8, 0.9, True),
        ("reward_variance", 1.5, 3.0, True),
        ("reward_variance", 1.5, 3.01, False),
    ],
)
def test_stability_is_against_the_baseline_and_not_the_parent(
    name: str, start: float, now: float, passes: bool
) -> None:
    history = table({**START, name: start}, fine(**{name: now}), fine(win=0.65, **{name: now}))
    gates = {gate.name: gate for gate in quality_gates(history)}
    assert gates["stability"].passed is passes
    assert passes or name in gates["stability"].text


@pytest.mark.parametrize(("evidence", "expected"), [("confirmed", ("rollback", 1)), ("suspected", ("accept", None))])
def test_a_capability_that_creeps_away_costs_an_iteration_once_a_test_confirms_it(
    evidence: Evidence, expected: tuple[str, int | None]
) -> None:
    case = replace(second(found("creeping_regression", evidence)), best=1)
    assert ruled(case) == expected
