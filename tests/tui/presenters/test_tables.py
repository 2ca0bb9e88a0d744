from __future__ import annotations

from dataclasses import replace

import pytest

from engine.records import REWARD_ACCURACY, WIN_RATE, Assessment, Decision, Metric, Proposal, Verdict, Weakness
from tests.tui.presenters.scenes import BASELINE, BROKEN, GOOD, ROLLBACK, TREE
from tui.presenters.gate import decision_line, evaluation_table, headline, proposal_table, weakness_table
from tui.presenters.iterations import Grid, iteration_table
from tui.presenters.standing import standing


def cells(grid: Grid, row: int) -> dict[str, tuple[str, str]]:
    return {column.key: tuple(cell) for column, cell in zip(grid.columns, grid.rows[row], strict=True)}  # type: ignore[misc]


def test_iterations_compare_the_goal_with_the_parent_and_mark_what_was_found() -> None:
    row = cells(iteration_table(TREE, best=1, kl_limit=0.1), 2)
    assert row["win_rate_vs_baseline"] == ("0.634 ▲", "good")
    assert row["kl_divergence"] == ("0.113", "bad")
    assert row["gsm8k"] == ("0.371 ▼", "bad")
    assert row["decision"] == ("at the gate", "warn")


def test_the_best_iteration_is_marked() -> None:
    assert cells(iteration_table(TREE, 1, 0.1), 1)["index"] == ("•1", "good")


def test_a_narrow_table_may_drop_columns_but_never_the_goal() -> None:
    lasting = {column.key for column in iteration_table(TREE, None, 0.1).columns if not column.drop}
    assert lasting == {"index", "win_rate_vs_baseline", "kl_divergence", "decision"}


def test_a_live_setting_in_force_is_shown_where_it_differs() -> None:
    running = replace(BROKEN, status="running", metrics={}, assessment=None)
    row = cells(iteration_table((BASELINE, GOOD, running), None, 0.1, {"beta": 0.4}), 2)
    assert row["beta"] == ("0.4", "warn")
    assert row["learning_rate"] == ("5e-6", "")


def test_weaknesses_say_how_sure_they_are() -> None:
    grid = weakness_table(ROLLBACK)
    assert cells(grid, 0)["evidence"][0] == "confirmed"
    assert cells(grid, 0)["value"][0] == "0.412 → 0.371"
    assert cells(grid, 1)["value"][0] == "0.113 > 0.100"


@pytest.mark.parametrize(
    ("weakness", "words"),
    [
        (Weakness("slow_convergence", WIN_RATE, 0.62, 0.01, "low", "suspected", 0.5, 0.61, against=1), "0.610 → 0.620"),
        (Weakness("diversity_collapse", "distinct_2", 0.3, 0.7, "medium", "suspected", 0.8), "0.800 → 0.300"),
        (Weakness("category_gap", "gsm8k", 0.3, 0.15, "medium", "suspected"), "0.300"),
        (Weakness("below_floor", "gsm8k", 0.3, 0.7, "critical", "confirmed", 0.4), "0.300 < 0.700"),
    ],
)
def test_a_value_stands_beside_what_it_was_held_against(weakness: Weakness, words: str) -> None:
    assert cells(weakness_table(replace(ROLLBACK, weaknesses=(weakness,))), 0)["value"][0] == words


def test_the_proposal_is_a_diff_with_reasons() -> None:
    grid = proposal_table(ROLLBACK, TREE)
    assert cells(grid, 0)["proposed"][0] == "1"
    assert [cells(grid, 1)[key][0] for key in ("field", "now", "proposed", "why")] == [
        "beta",
        "0.1",
        "0.2  ×2",
        "hold capability",
    ]


def test_evaluation_puts_baseline_parent_and_this_side_by_side() -> None:
    grid = evaluation_table(TREE, 2)
    assert [column.title for column in grid.columns[1:4]] == ["baseline", "parent 1", "this 2"]
    assert cells(grid, 0)["metric"][0] == "win rate"
    assert cells(grid, 1)["change"] == ("▼ −0.046", "bad")


def test_a_change_inside_the_noise_is_context() -> None:
    assert cells(evaluation_table(TREE, 2), 0)["change"] == ("▲ +0.053", "dim")


def test_a_parent_that_is_the_baseline_is_not_shown_twice() -> None:
    assert "parent" not in cells(evaluation_table(TREE, 1), 0)
    assert "vs baseline" in [column.title for column in evaluation_table(TREE, 1).columns]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict("rollback", 1), "roll back to 1"),
        (Verdict("finish", 2), "finish with iteration 2"),
        (Verdict("accept"), "accept this iteration and go on"),
        (Verdict("ask"), "the rules cannot tell: yours to decide"),
    ],
)
def test_headlines(verdict: Verdict, words: str) -> None:
    assert headline(verdict) == words


def test_no_weakness_and_no_change_is_said() -> None:
    quiet = Assessment(1, (), Verdict("accept"), Proposal(1))
    assert weakness_table(quiet).rows == ()
    assert cells(proposal_table(quiet, TREE), 1)["proposed"][0] == "unchanged"


def test_a_decision_names_who_and_why() -> None:
    assert decision_line(Decision("rollback", 1, who="ana@gpu1", why="math")) == "rolled back to 1 by ana@gpu1: math"


@pytest.mark.parametrize(
    ("state", "verdict", "word", "resumable"),
    [
        ("running", "alive", "running", False),
        ("lost", "dead", "lost", True),
        ("awaiting_decision", "alive", "waiting for you", False),
        ("lost", "orphan", "lost", False),
        ("running", "hung", "no heartbeat", False),
        ("running", "stopped", "suspended", False),
        ("failed", "dead", "failed", True),
        ("completed", "dead", "completed", False),
    ],
)
def test_a_run_is_called_what_it_is(state: str, verdict: str, word: str, resumable: bool) -> None:
    found = standing(state, verdict)
    assert (found.word, found.resumable) == (word, resumable)


def test_a_reward_model_has_a_column_where_there_is_one() -> None:
    right = replace(GOOD, metrics={**GOOD.metrics, REWARD_ACCURACY: Metric(REWARD_ACCURACY, 0.83, "alignment", 500)})
    row = cells(iteration_table((BASELINE, right), 1, 0.1), 1)
    assert row[REWARD_ACCURACY][0] == "0.830"
    assert REWARD_ACCURACY not in cells(iteration_table(TREE, 1, 0.1), 1)
