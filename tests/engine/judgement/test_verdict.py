from __future__ import annotations

import math
from dataclasses import replace

import pytest

from engine.judgement import assess, judge
from engine.records import Assessment, Budget, Decision, Metric, Spent, Thresholds
from tests.fixtures.tables import Cell, right, table, with_iteration

START: dict[str, Cell] = {"win": 0.5, "kl": 0.0, "gsm8k": (0.4, 1319)}
FINE: dict[str, Cell] = {"win": 0.6, "kl": 0.05, "gsm8k": (0.4, 1319)}


def fine(**cells: Cell) -> dict[str, Cell]:
    return {**FINE, **cells}


def said(assessment: Assessment) -> str:
    return "\n".join(assessment.verdict.reasons)


def action(assessment: Assessment) -> tuple[str, int | None]:
    return assessment.verdict.action, assessment.verdict.to


def test_the_baseline_is_accepted_once_it_is_measured() -> None:
    assert action(assess(table(START))) == ("accept", None)
    unmeasured = assess(table({**START, "gsm8k": math.nan}))
    assert action(unmeasured) == ("ask", None)
    assert "gsm8k could not be measured" in said(unmeasured)


def test_the_first_iteration_that_wins_is_accepted() -> None:
    assessment = assess(table(START, FINE))
    assert action(assessment) == ("accept", None)
    assert assessment.proposal.parent == 1
    assert assessment.best == 1
    assert said(assessment) == "improving: win rate 0.5 → 0.6"


@pytest.mark.parametrize("name", ["win", "kl", "gsm8k"])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_number_that_is_missing_or_not_finite_is_a_failed_evaluation(name: str, value: float | None) -> None:
    assessment = assess(table(START, fine(**{name: value})))
    assert action(assessment) == ("retry", 0)
    assert [(c.field, c.after) for c in assessment.proposal.changes] == [("learning_rate", 5e-7)]
    assert assessment.best == 0


@pytest.mark.parametrize("name", ["win", "kl", "gsm8k"])
def test_a_number_that_was_there_before_and_is_gone_is_a_failed_evaluation(name: str) -> None:
    row = {key: cell for key, cell in FINE.items() if key != name}
    assert action(assess(table(START, row))) == ("retry", 0)


def test_a_loss_that_is_not_finite_is_retried_and_the_reason_kept() -> None:
    history = with_iteration(table(START, {}), 1, status="failed", fault="the loss is not finite at step 12")
    assessment = assess(history)
    assert action(assessment) == ("retry", 0)
    assert "the loss is not finite at step 12" in said(assessment)


def test_a_retry_past_the_budget_says_so() -> None:
    assessment = assess(table(START, fine(win=None), budget=Budget(iterations=1)))
    assert action(assessment) == ("retry", 0)
    assert "beyond the budget: 1 of 1 iterations" in said(assessment)


@pytest.mark.parametrize(
    ("budget", "spent", "words"),
    [
        (Budget(iterations=1), Spent(), "1 of 1 iterations"),
        (Budget(wall_hours=2), Spent(wall_s=5400, next_iteration_s=2400), "1.5 of 2 hours"),
        (Budget(gpu_hours=2), Spent(wall_s=5400, gpu_s=5400, next_iteration_s=2400), "1.5 of 2 GPU hours"),
        (Budget(wall_hours=1), Spent(wall_s=3600), "1 of 1 hours"),
    ],
)
def test_an_exhausted_budget_finishes_with_the_best(budget: Budget, spent: Spent, words: str) -> None:
    assessment = assess(table(START, FINE, budget=budget, spent=spent))
    assert action(assessment) == ("finish", 1)
    assert words in said(assessment)
    assert assessment.proposal.changes == ()


def test_a_budget_with_room_for_another_iteration_goes_on() -> None:
    spent = Spent(wall_s=5400, gpu_s=2700, next_iteration_s=1800)
    budget = Budget(iterations=2, wall_hours=2, gpu_hours=1)
    assert action(assess(table(START, FINE, budget=budget, spent=spent))) == ("accept", None)


def test_a_run_that_broke_its_only_iteration_hands_over_the_baseline() -> None:
    assessment = assess(table(START, fine(gsm8k=(0.1, 1319)), budget=Budget(iterations=1)))
    assert action(assessment) == ("finish", 0)
    assert "the baseline is selected" in said(assessment)


def test_a_confirmed_regression_rolls_back_to_the_best_with_a_careful_proposal() -> None:
    """The demo's overshoot: KL and a capability broken at once, in the first iteration."""
    probes = {name: Metric(name, 0.95, "capability", 120, items=tuple(right(114, 120))) for name in ("facts", "tools")}
    broken = {**probes, "facts": Metric("facts", 0.5, "capability", 120, items=tuple(right(60, 120)))}
    rows = {**START, **probes}, {**fine(win=0.8, kl=0.4), **broken}
    assessment = assess(table(*rows))
    assert action(assessment) == ("rollback", 0)
    assert {w.type: w.evidence for w in assessment.weaknesses}["capability_regression"] == "confirmed"
    changes = {change.field: change.after for change in assessment.proposal.changes}
    assert changes == {"beta": 0.2, "learning_rate": 5e-7, "max_steps": 70}
    assert assessment.proposal.parent == 0


def test_a_suspected_regression_alone_never_rolls_back() -> None:
    assessment = assess(table({**START, "gsm8k": 0.4}, fine(gsm8k=0.3)))
    assert action(assessment) == ("accept", None)
    assert [weakness.evidence for weakness in assessment.weaknesses] == ["too_few_samples"]
    assert "gsm8k 0.4 → 0.3" in said(assessment)


def test_without_evidence_the_bare_threshold_rolls_back() -> None:
    history = table({**START, "gsm8k": 0.4}, fine(gsm8k=0.3), evidence=False)
    assert action(assess(history)) == ("rollback", 0)


def test_a_kl_violation_is_retried_from_the_parent() -> None:
    assessment = assess(table(START, FINE, fine(win=0.7, kl=0.15)))
    assert action(assessment) == ("retry", 1)
    assert assessment.proposal.parent == 1
    assert "0.15 nats a token" in said(assessment)
    assert "retry 1 of 2" in said(assessment)


def test_retries_are_capped_and_then_the_run_goes_further_back() -> None:
    over = fine(win=0.62, kl=0.15)
    weaker = fine(win=0.58)
    tries = table(START, FINE, weaker, over, over, over, parents=[None, 0, 1, 2, 2, 2])
    verdicts = [action(assessment) for assessment in judge(tries)][3:]
    assert verdicts == [("retry", 2), ("retry", 2), ("rollback", 1)]


def test_retries_are_capped_and_the_words_change_where_nothing_lies_further_back() -> None:
    over = fine(kl=0.15)
    assessment = assess(table(START, over, over, over, parents=[None, 0, 0, 0]))
    assert action(assessment) == ("rollback", 0)
    assert "3 tries from the baseline ended so" in said(assessment)
    assert "other data, or other limits, may do more" in said(assessment)


def test_a_rollback_is_no_retry() -> None:
    over, broken = fine(kl=0.15), fine(kl=0.4, gsm8k=(0.2, 1319))
    history = table(START, broken, over, parents=[None, 0, 0])
    assert "retry 1 of 2" in said(assess(history))
    decided = with_iteration(table(START, over, over, parents=[None, 0, 0]), 1, decision=Decision("rollback", 0))
    assert "retry 1 of 2" in said(assess(decided))
    undecided = with_iteration(table(START, over, over, parents=[None, 0, 0]), 1, assessment=assess(table(START, over)))
    assert "retry 2 of 2" in said(assess(undecided))


def test_a_retry_remembers_what_earlier_tries_failed_by() -> None:
    history = table(START, fine(kl=0.4, gsm8k=(0.2, 1319)), fine(kl=0.15), parents=[None, 0, 0])
    changes = {change.field: change for change in assess(history).proposal.changes}
    assert changes["beta"].after == pytest.approx(0.3)
    assert changes["max_steps"].after == round(100 / (1 + 2 * (1 / 0.7 - 1)))
    assert "gsm8k: capability regression, confirmed in iteration 1" in changes["max_steps"].why


def test_a_parent_that_is_itself_past_the_limit_is_not_retried() -> None:
    assessment = assess(table(START, FINE, fine(kl=0.12), fine(kl=0.14)))
    assert action(assessment) == ("rollback", 1)
    assert "iteration 2 is itself past a limit" in said(assessment)


def test_an_abandoned_branch_does_not_count_as_a_retry() -> None:
    over = fine(kl=0.15)
    history = table(START, FINE, fine(win=0.65), fine(win=0.66), over, parents=[None, 0, 1, 2, 1])
    assert "retry 1 of 2" in said(assess(history))


def test_a_sure_loss_of_win_rate_goes_back_to_the_best_and_takes_smaller_steps() -> None:
    history = table(START, fine(win=(0.70, 805)), fine(win=(0.58, 805)))
    assessment = assess(history)
    assert action(assessment) == ("rollback", 1)
    assert [change.field for change in assessment.proposal.changes] == ["learning_rate"]


def test_a_loss_that_may_be_chance_is_asked_about() -> None:
    assert action(assess(table(START, fine(win=(0.62, 100)), fine(win=(0.58, 100))))) == ("ask", None)
    assert action(assess(table(START, fine(win=0.62), fine(win=0.58)))) == ("ask", None)


def test_worse_than_the_baseline_is_never_improving() -> None:
    assert action(assess(table(START, fine(win=0.40), fine(win=0.45)))) == ("ask", None)


def test_the_goal_ends_the_run_where_the_quality_gates_pass() -> None:
    score = Metric("alignment_score", 0.96, "alignment")
    assert action(assess(table(START, {**FINE, "alignment_score": score}))) == ("finish", 1)
    assert action(assess(table(START, {**fine(win=0.54), "alignment_score": score}))) == ("accept", None)


def test_stop_after_one_iteration_can_be_reached() -> None:
    score = Metric("alignment_score", 0.97, "alignment")
    assert action(judge(table(START, {**FINE, "alignment_score": score}))[1]) == ("finish", 1)
    assert action(judge(table(START, FINE, budget=Budget(iterations=1)))[1]) == ("finish", 1)


def test_convergence_below_the_quality_gates_does_not_end_the_run() -> None:
    rows = [fine(win=win) for win in (0.52, 0.53, 0.535)]
    assessment = assess(table(START, *rows))
    assert assessment.converged
    assert action(assessment) == ("accept", None)


def test_diminishing_returns_end_a_run_that_never_gets_good_enough() -> None:
    rows = [fine(win=win) for win in (0.52, 0.50, 0.53, 0.50, 0.525)]
    assessment = assess(table(START, *rows))
    assert action(assessment) == ("finish", 3)
    assert "+0.005 over 5 iterations" in said(assessment)


def test_what_was_never_measured_can_not_be_told() -> None:
    assessment = assess(table({"gsm8k": 0.4}, {"gsm8k": 0.41, "win": 0.7}))
    assert action(assessment) == ("ask", None)
    assert "kl_divergence was never measured" in said(assessment)


def test_decisions_make_the_tree_and_not_the_recommendations() -> None:
    """An operator who accepted a KL violation goes on from there."""
    history = table(START, FINE, fine(kl=0.12), fine(win=0.7, kl=0.09))
    history = with_iteration(history, 2, decision=Decision("accept", who="ana"))
    assert action(assess(history)) == ("accept", None)


def test_thresholds_of_the_run_are_used() -> None:
    over = fine(win=0.7, kl=0.15)
    assert action(assess(table(START, over, thresholds=Thresholds(kl=0.2)))) == ("accept", None)
    once = table(START, over, over, parents=[None, 0, 0], thresholds=Thresholds(retries=1))
    assert action(assess(once)) == ("rollback", 0)


def test_an_empty_history_and_one_without_a_baseline_are_refused() -> None:
    with pytest.raises(ValueError, match="without iterations"):
        assess(table())
    with pytest.raises(ValueError, match="baseline"):
        assess(replace(table(START, FINE), iterations=table(START, FINE).iterations[1:]))
