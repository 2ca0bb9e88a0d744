"""What would have changed a verdict: computed by the same rules, so each line can be tried."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.judgement import assess
from engine.judgement.verdict import open_case, otherwise, rule
from engine.records import Budget, Metric, Thresholds, Weakness
from tests.fixtures.tables import Cell, table, with_iteration

START: dict[str, Cell] = {"win": 0.5, "kl": 0.0, "gsm8k": (0.4, 1319)}
FINE: dict[str, Cell] = {"win": 0.6, "kl": 0.05, "gsm8k": (0.4, 1319)}


def fine(**cells: Cell) -> dict[str, Cell]:
    return {**FINE, **cells}


def lines(*rows: dict[str, Cell], **frame: object) -> tuple[str, ...]:
    return assess(table(*rows, **frame)).verdict.otherwise


def test_a_regression_names_what_would_have_been_enough() -> None:
    assert "accept, had gsm8k kept 95 % of the baseline (0.38; it has 0.3)" in lines(START, fine(gsm8k=(0.3, 1319)))


def test_the_line_that_it_names_is_right() -> None:
    assert assess(table(START, fine(gsm8k=(0.38, 1319)))).verdict.action == "accept"


def test_a_kl_violation_names_its_limit() -> None:
    assert "accept, had KL stayed within 0.1 nats a token (it is 0.15)" in lines(START, fine(kl=0.15))


def test_two_faults_are_told_one_by_one_and_together() -> None:
    said = lines(START, fine(kl=0.15, gsm8k=(0.3, 1319)))
    assert "retry from the baseline, had gsm8k kept 95 % of the baseline (0.38; it has 0.3)" in said
    both = [line for line in said if line.startswith("accept")]
    assert both == [
        "accept, had gsm8k kept 95 % of the baseline (0.38; it has 0.3); and "
        "had KL stayed within 0.1 nats a token (it is 0.15)"
    ]


def test_what_is_missing_is_told_as_it_was_last_measured() -> None:
    assert lines(START, fine(gsm8k=None)) == ("accept, had gsm8k been measured and been as before",)


def test_a_failed_iteration_that_measured_nothing_has_its_line_too() -> None:
    history = with_iteration(table(START, {}), 1, status="failed", fault="the loss is not finite")
    assert assess(history).verdict.otherwise == (
        "ask, had gsm8k, kl_divergence and win_rate_vs_baseline been measured and been as before",
    )


def test_a_suspected_regression_says_what_it_would_cost() -> None:
    said = lines({**START, "gsm8k": (0.4, 164)}, fine(gsm8k=(0.36, 164)))
    assert any(line.startswith("rollback to the baseline, if the capability regression in gsm8k") for line in said)
    assert any("(suspected, p = " in line for line in said)


def test_a_spent_budget_says_what_came_next() -> None:
    said = lines(START, FINE, budget=Budget(iterations=1))
    assert said[0] == "accept, had the budget room for another iteration"


def test_a_run_out_of_retries_says_so() -> None:
    over = fine(kl=0.15)
    said = lines(START, over, over, over, parents=[None, 0, 0, 0])
    assert "retry from the baseline, were more than 2 retries allowed" in said


def test_an_accepted_iteration_says_how_near_the_goal_it_is() -> None:
    said = lines(START, fine(alignment_score=0.9))
    assert "finish with iteration 1, had the alignment score passed 0.95 (it is 0.9)" in said
    assert "retry from the baseline, had KL passed 0.1 nats a token (it is 0.05)" in said
    assert "ask, had the win rate not risen above 0.5 (it is 0.6)" in said


def test_a_floor_names_its_distance() -> None:
    said = lines(START, fine(task_accuracy=0.6), thresholds=Thresholds(floors={"task_accuracy": 0.7}))
    assert "accept, had task accuracy reached its floor of 0.7 (it is 0.6)" in said


def test_convergence_and_its_lack_are_told() -> None:
    said = lines(START, *(fine(win=win) for win in (0.6, 0.605, 0.61)))
    assert "accept, had the spread of the win rate reached 0.02 (it is 0.01)" in said
    said = lines(START, *(fine(win=win) for win in (0.6, 0.62, 0.64)))
    assert "finish with iteration 3, had the spread of the win rate stayed below 0.02 (it is 0.04)" in said


def test_a_converged_run_below_the_gate_names_the_gate() -> None:
    said = lines(START, *(fine(win=win) for win in (0.54, 0.545, 0.549)))
    assert any(line.startswith("finish with iteration 3, had the win rate reached 0.55") for line in said)


def test_what_wears_a_run_out_is_told_without_it() -> None:
    worn = Weakness("over_optimisation", "judge_score", 0.8, 0.0, "high", "confirmed", p_value=0.004, detail="apart")
    case = replace(open_case(table(START, FINE, fine(win=0.65))), weaknesses=(worn,))
    said = otherwise(case, rule(case))
    assert "accept, were the over optimisation in judge_score (confirmed, p = 0.004) not so sure" in said


def test_the_baseline_has_its_line() -> None:
    assert lines(START) == ("ask, had gsm8k not been measured",)
    assert lines({**START, "gsm8k": math.nan}) == ("accept, had gsm8k been measured",)


cells = st.one_of(st.floats(0, 1), st.tuples(st.floats(0, 1), st.integers(1, 5000)), st.none())
rows = st.fixed_dictionaries({}, optional=dict.fromkeys(("win", "kl", "gsm8k", "alignment_score"), cells))


@settings(max_examples=80, deadline=None)
@given(st.lists(rows, min_size=1, max_size=5))
def test_there_is_always_a_line_and_never_the_verdict_itself(made: list[dict[str, Cell]]) -> None:
    verdict = assess(table(*made)).verdict
    assert verdict.otherwise
    assert len(set(verdict.otherwise)) == len(verdict.otherwise)
    for line in verdict.otherwise:
        assert "\n" not in line
        if not line.startswith("no single figure"):
            where = {"retry": "retry from ", "rollback": "rollback to ", "finish": "finish with "}.get(verdict.action)
            whose = "the baseline" if verdict.to == 0 else f"iteration {verdict.to}"
            assert not line.startswith(f"{where}{whose}, " if where else f"{verdict.action}, ")


@pytest.mark.parametrize("n", [None, 164, 1319])
def test_each_line_of_a_kept_capability_can_be_tried(n: int | None) -> None:
    def cell(value: float) -> Cell:
        return Metric("gsm8k", value, "capability", n)

    start, low = {**START, "gsm8k": cell(0.4)}, fine(gsm8k=cell(0.2))
    verdict = assess(table(start, low)).verdict
    kept = [line for line in verdict.otherwise if "kept 95 %" in line]
    tried = assess(table(start, fine(gsm8k=cell(0.38)))).verdict
    assert bool(kept) is ((tried.action, tried.to) != (verdict.action, verdict.to))
    assert all(line.startswith(tried.action) for line in kept)
