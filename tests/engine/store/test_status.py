"""One JSON object a run, whatever state the run or its files are in."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.status import status, summary
from tests.fixtures.recorded import State, alive, write_run

KEYS = {
    *("name", "state", "iteration", "stage", "step", "max_steps", "eta_s", "config", "metrics", "memory", "gate"),
    *("iterations", "best", "fault", "in_force", "heartbeat_age_s"),
}


def whole(paths: RunPaths) -> dict[str, Any]:
    """The status after a trip through strict JSON, as `status --json` prints it."""
    found: dict[str, Any] = json.loads(json.dumps(status(paths), allow_nan=False))
    assert found.keys() >= KEYS
    return found


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("state", ["running", "awaiting_decision", "completed", "lost"])
def test_a_run_in_each_state_says_so(state: State) -> None:
    paths = write_run(state)
    with alive(paths) if state != "lost" else nullcontext():
        found, short = whole(paths), summary(paths)
    assert found["state"] == short["state"] == state
    assert (found["name"], found["best"], found["iteration"]) == ("helpful-tiny", 1, 2)
    assert [row["index"] for row in found["iterations"]] == [0, 1, 2]
    assert short["iterations"] == 3
    assert ("resume" in found["fault"]) == (state == "lost")
    assert (short["waiting_s"] is not None) == (found["gate"] is not None) == (state == "awaiting_decision")
    if state in ("running", "lost"):
        assert (found["stage"], found["step"], found["max_steps"], found["eta_s"]) == ("dpo", 30, 60, 30.0)


def test_what_judges_spent_is_added_up_over_stages(ledger: Ledger, paths: RunPaths) -> None:
    assert whole(paths)["judging"] == {}
    ledger.stage_done(0, "evaluate", {"seconds": 1.0, "judging": {"endpoint": {"calls": 8, "cost": 0.5}}})
    ledger.open_iteration(1, 0, {"beta": 0.1}, 0)
    ledger.stage_done(1, "collect", {"judging": {"endpoint": {"calls": 2, "cost": 0.25}, "critic": {"calls": 4}}})
    assert whole(paths)["judging"] == {"endpoint": {"calls": 10, "cost": 0.75}, "critic": {"calls": 4}}
    ledger.stage_done(1, "evaluate", {"judging": ["nonsense"]})
    assert "stage" in whole(paths)["fault"]


@pytest.mark.usefixtures("runs")
def test_a_run_that_claims_to_work_without_an_engine_is_lost() -> None:
    assert summary(write_run("awaiting_decision"))["state"] == "lost"


@pytest.mark.usefixtures("runs")
def test_the_gate_says_what_to_decide_and_why() -> None:
    found = whole(write_run("awaiting_decision"))
    gate = found["gate"]
    assert (gate["iteration"], gate["verdict"]["action"], gate["verdict"]["to"]) == (2, "rollback", 1)
    assert gate["reasons"] == gate["verdict"]["reasons"] != []
    assert gate["weaknesses"][0]["type"] == "capability_regression"
    assert gate["proposal"]["changes"][0]["from"] == 0.1


@pytest.mark.usefixtures("runs")
def test_iterations_carry_config_metrics_and_decisions_and_no_items() -> None:
    rows = whole(write_run("completed"))["iterations"]
    assert [row["parent"] for row in rows] == [None, 0, 1]
    assert [row["decision"] and row["decision"]["action"] for row in rows] == [None, "accept", "finish"]
    assert rows[1]["metrics"]["kl_divergence"].keys() == {"value", "group", "n", "low", "high"}
    assert rows[2]["config"]["learning_rate"] == 7.5e-5
    assert all(row["charged_s"] > 0 for row in rows)


@pytest.mark.usefixtures("runs")
def test_metrics_are_the_latest_by_name_of_training_and_evaluation() -> None:
    found = whole(write_run("completed"))
    assert found["metrics"].keys() >= {"loss", "sft/loss", "kl_probe", "memory/used", "win_rate_vs_baseline"}
    assert found["metrics"]["kl_divergence"] == 0.113
    assert found["in_force"]["learning_rate"] == found["config"]["learning_rate"] == 7.5e-5
    assert found["memory"]["name"] == "Imaginary 12G"


def test_a_run_whose_engine_is_about_to_start_is_starting_and_later_lost(paths: RunPaths) -> None:
    assert whole(paths)["state"] == "starting"
    assert status(paths, lambda: time.time() + 60)["state"] == "lost"


def test_nan_becomes_null(ledger: Ledger, paths: RunPaths) -> None:
    ledger.record(0, 1, 0.0, {"loss": float("nan")})
    assert whole(paths)["metrics"] == {"loss": None}


def _garbage(paths: RunPaths) -> None:
    paths.ledger.write_bytes(b"x" * 9000)


def _newer(paths: RunPaths) -> None:
    with closing(sqlite3.connect(paths.ledger)) as db:
        db.execute("PRAGMA user_version=2")


def _odd_pulse(paths: RunPaths) -> None:
    with closing(sqlite3.connect(paths.ledger)) as db, db:
        db.execute("INSERT INTO pulse VALUES(1, 1, 0, '[]')")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda paths: paths.ledger.unlink(), "is not there"),
        (lambda paths: paths.ledger.write_bytes(b""), "is empty"),
        (_garbage, "damaged"),
        (_newer, "ledger version 2"),
        (_odd_pulse, "'pulse' makes no sense"),
    ],
)
def test_a_broken_run_is_unreadable_and_says_why(
    paths: RunPaths, spoil: Callable[[RunPaths], None], words: str
) -> None:
    spoil(paths)
    found, short = whole(paths), summary(paths)
    assert found["state"] == short["state"] == "unreadable"
    assert words in found["fault"]
    assert words in short["fault"]


def test_a_directory_that_is_not_there_is_unreadable_too(tmp_path: Path) -> None:
    assert summary(RunPaths(tmp_path / "ghost"))["state"] == "unreadable"
