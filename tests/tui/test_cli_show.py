"""`ls`, `status` and `judge`: JSON that is one document, and text that fits a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.store.paths import create_run
from tests.fixtures.recorded import alive, write_run
from tui.cli import main

Printed = pytest.CaptureFixture[str]
HISTORY = """
name: table
config: {beta: 0.1, learning_rate: 1e-5, max_steps: 100}
iterations:
  - {index: 0, metrics: {win_rate_vs_baseline: 0.5, kl_divergence: 0, gsm8k: {value: 0.41, n: 500}}}
  - {index: 1, metrics: {win_rate_vs_baseline: 0.6, kl_divergence: 0.05, gsm8k: {value: 0.40, n: 500}}}
  - {index: 2, metrics: {win_rate_vs_baseline: 0.66, kl_divergence: 0.15, gsm8k: {value: 0.30, n: 500}}}
"""


def document(capsys: Printed) -> Any:
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def test_status_json_has_what_the_contract_promises(runs: Path, capsys: Printed) -> None:
    with alive(write_run("awaiting_decision", "demo")):
        assert main(["status", "demo", "--json"]) == 0
    row = document(capsys)
    promised = {"name", "state", "iteration", "stage", "step", "max_steps", "eta_s", "config", "metrics", "memory"}
    assert promised | {"gate", "iterations", "best"} <= set(row)
    assert (row["name"], row["state"], row["best"]) == ("demo", "awaiting_decision", 1)
    assert {"iteration", "verdict", "reasons", "weaknesses", "proposal"} <= set(row["gate"])
    assert {"index", "parent", "status", "decision", "metrics", "config"} <= set(row["iterations"][2])
    assert row["iterations"][1]["decision"]["action"] == "accept"


def test_status_for_a_person_shows_the_gate_and_fits(runs: Path, capsys: Printed) -> None:
    with alive(write_run("awaiting_decision", "demo")):
        assert main(["status", "demo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "demo: awaiting decision"
    assert any("gsm8k" in line and "critical, confirmed" in line for line in lines)
    assert any("pilothouse decide demo" in line for line in lines)
    table = lines[lines.index("") + 1 :][:4]
    assert [line.split()[0] for line in table] == ["#", "0", "1", "2"]
    assert max(map(len, table)) <= 80


def test_ls_shows_lost_and_unreadable_runs_for_what_they_are(runs: Path, capsys: Printed) -> None:
    write_run("lost", "gone")
    write_run("completed", "done")
    create_run("hurt", "recipe: dpo\n").ledger.write_bytes(b"not a database at all" * 40)
    assert main(["ls", "--json"]) == 0
    assert {row["name"]: row["state"] for row in document(capsys)} == {
        "gone": "lost",
        "done": "completed",
        "hurt": "unreadable",
    }
    assert main(["status", "hurt"]) == 1
    assert "hurt: unreadable" in capsys.readouterr().out
    assert main(["ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= 80


def test_ls_of_nothing_says_how_to_begin(runs: Path, capsys: Printed) -> None:
    assert main(["ls"]) == 0
    assert "pilothouse demo" in capsys.readouterr().out
    assert main(["ls", "--json"]) == 0
    assert document(capsys) == []


@pytest.mark.parametrize("command", ["status", "log", "attach", "resume"])
def test_a_misspelt_run_is_answered_with_the_nearest(command: str, runs: Path, capsys: Printed) -> None:
    write_run("completed", "helpful")
    assert main([command, "helpfull"]) == 2
    out, err = capsys.readouterr()
    assert (out, "did you mean helpful?" in err) == ("", True)


def test_judge_gives_an_entry_an_iteration(tmp_path: Path, capsys: Printed) -> None:
    path = tmp_path / "history.yaml"
    path.write_text(HISTORY)
    assert main(["judge", str(path), "--json"]) == 0
    entries = document(capsys)
    assert [entry["index"] for entry in entries] == [0, 1, 2]
    assert entries[2]["verdict"]["action"] == "rollback"
    weakness = entries[2]["weaknesses"][0]
    assert {"type", "metric", "value", "threshold", "severity", "evidence"} <= set(weakness)
    assert {"field", "from", "to", "why"} == set(entries[2]["proposal"]["changes"][0])
    assert {"converged", "best"} <= set(entries[2])


def test_judge_for_a_person_names_verdict_reason_and_change(tmp_path: Path, capsys: Printed) -> None:
    path = tmp_path / "history.yaml"
    path.write_text(HISTORY)
    assert main(["judge", str(path)]) == 0
    out = capsys.readouterr().out
    assert "iteration 2: rollback to 1" in out
    assert "weakness  critical, confirmed: gsm8k" in out
    assert "proposed  beta 0.1 → 0.2" in out
    assert "else      retry from iteration 1, had gsm8k kept 95 % of the baseline" in out
    assert "data      mix in capability-preserving examples for gsm8k" in out
    assert "trend     2 of the 3 accepted iterations that convergence needs" in out


def test_a_history_that_is_none_is_a_usage_error(tmp_path: Path, capsys: Printed) -> None:
    path = tmp_path / "history.yaml"
    path.write_text("iterations: 3")
    assert main(["judge", str(path), "--json"]) == 2
    assert capsys.readouterr().out == ""
