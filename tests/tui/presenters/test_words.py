"""Banners, home's rows, samples, the tree, metric order, the charts' scope."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.records import Iteration, Memory, Metric, Sample
from engine.store.rows import Gate, RunInfo
from tests.tui.presenters.scenes import BASELINE, BROKEN, GOOD, ROLLBACK, TREE, metrics
from tui.presenters.charts import scope
from tui.presenters.home import Found, config_grid, headroom, run_grid
from tui.presenters.names import in_order, short
from tui.presenters.run import banner
from tui.presenters.samples import sides
from tui.presenters.standing import standing
from tui.presenters.tree import tree_table

INFO = RunInfo("running", "", 0.0, 1, 0.0)
GATE = Gate(2, 0.0, ROLLBACK)


def said(state: str, verdict: str = "dead", fault: str = "", info: RunInfo = INFO, gate: Gate | None = None) -> str:
    return banner(standing(state, verdict, fault), info, gate, ("Killed",), "runs/x/final", str).plain


def test_a_run_that_is_well_has_no_banner() -> None:
    assert said("running", "alive") == ""


@pytest.mark.parametrize(
    ("state", "verdict", "words"),
    [
        ("lost", "dead", ("ended without a word", "Killed", "run.resume")),
        ("failed", "dead", ("no loss", "Killed", "run.resume")),
        ("stopped", "dead", ("no loss", "run.resume")),
        ("running", "hung", ("has not beaten",)),
        ("running", "stopped", ("SIGCONT",)),
        ("lost", "orphan", ("still holds the lock",)),
    ],
)
def test_what_went_wrong_is_said_with_the_key_that_helps(state: str, verdict: str, words: tuple[str, ...]) -> None:
    text = said(state, verdict, "no loss")
    assert all(word in text for word in words)
    assert ("run.resume" in text) == ("run.resume" in words)


def test_an_open_gate_is_called_and_a_decided_one_is_not() -> None:
    assert "run.gate opens the gate" in said("awaiting_decision", "alive", gate=GATE)
    assert said("awaiting_decision", "alive") == ""


def test_a_completed_run_says_which_and_why_and_where() -> None:
    text = said("completed", info=replace(INFO, best=1, summary={"why": "good enough"}))
    assert text == "Completed. Iteration 1 is selected. good enough\nThe model is in runs/x/final"


def row(name: str, state: str, **more: Any) -> dict[str, Any]:
    empty = {"engine": "alive", "fault": "", "heartbeat_age_s": 1.0, "waiting_s": None, "iteration": 1, "stage": "dpo"}
    return {"name": name, "state": state, **empty, "step": 3, "max_steps": 9, "best": None, "started": 1e9, **more}


def test_home_puts_first_who_needs_somebody() -> None:
    rows = [
        row("a", "completed"),
        row("b", "running", started=2e9),
        row("c", "lost", engine="dead"),
        row("d", "awaiting_decision", waiting_s=75.0),
    ]
    grid, keys = run_grid(rows, now=2e9)
    assert keys == ("d", "c", "b", "a")
    assert grid.rows[0][0].text == "▸"
    assert grid.rows[0][-1].text == "for 1:15"


def test_a_hostile_name_in_a_config_is_one_clean_line() -> None:
    grid, _ = config_grid([Found(Path("x\x1b[2J.yaml"), "two\nlines")])
    assert [cell.text for cell in grid.rows[0]] == ["x␛[2J.yaml", "two lines"]


def test_headroom_says_whose_memory_it_is() -> None:
    gib = 2**30
    card = Memory("gpu", "RTX 4070", 12 * gib, 10 * gib)
    assert headroom([card]).plain == "RTX 4070  2.0 GiB free of 12.0 GiB"
    assert "host memory (no NVIDIA card)" in headroom([replace(card, source="host")]).plain
    assert "simulated" in headroom([replace(card, simulated=True)]).plain
    assert "n/a" in headroom([replace(card, used=None)]).plain


def test_samples_name_their_columns_and_mark_a_single_best() -> None:
    sample = Sample("p", "b", "q", "c", (0.1, 0.5, 0.5))
    assert [(side.title, side.best) for side in sides(sample, 3, 1)] == [
        ("baseline", False),
        ("parent 1", False),
        ("this, iteration 3", False),
    ]
    assert [side.best for side in sides(replace(sample, scores=(None, 0.2, 0.9)), 3, 1)] == [False, False, True]


def test_a_parent_that_is_the_baseline_is_one_column() -> None:
    assert [side.title for side in sides(Sample("p", "b", None, "c"), 1, 0)] == ["baseline", "this, iteration 1"]


def test_the_tree_shows_branches_and_leaves_out_what_cannot_be_started_from() -> None:
    branch = Iteration(3, 1, "decided", {}, metrics(0.6, 0.05, 0.41))
    failed = Iteration(4, 3, "failed", {}, {}, fault="the loss is not finite")
    grid, keys = tree_table((*TREE, branch, failed), ROLLBACK)
    assert keys == ("0", "1", "2", "3")
    assert [cells[0].text for cells in grid.rows] == ["0 baseline", "└ 1", "  └ 2", "  └ 3"]
    assert grid.rows[1][-1].text.startswith("best")
    assert grid.rows[2][-1].text == "this one: keep it"


def test_metrics_come_goal_first_then_capability_then_kl() -> None:
    extra = replace(GOOD, metrics={**GOOD.metrics, "perplexity": Metric("perplexity", 8.0)})
    names = in_order((BASELINE, extra))
    assert names == ["win_rate_vs_baseline", "gsm8k", "kl_divergence", "perplexity"]
    assert [short(name) for name in names] == ["win rate", "gsm8k", "KL", "perplexity"]


@pytest.mark.parametrize(("last", "index"), [(0, None), (5, 0), (10, 0), (11, 1), (99, 2)])
def test_the_charts_scope_is_the_newest_iteration_with_steps(last: int, index: int | None) -> None:
    tree = tuple(replace(one, first_step=10 * one.index) for one in (BASELINE, GOOD, replace(BROKEN, status="running")))
    found = scope(tree, last)
    assert (found.index if found else None) == index
