"""Published tables through the rules, read from files as `pilothouse judge` reads them, with default thresholds."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.history import load_history
from engine.judgement import judge
from engine.records import as_json
from tests.fixtures.published import ITERATION_LOG, RLHFLOW, SPPO_DPO, SPPO_IPO, actions, replay
from tui.cli import main


def test_an_iteration_log_converges_at_its_fourth_which_is_selected() -> None:
    assessments = replay(ITERATION_LOG)
    assert actions(assessments)[1:] == [("accept", None), ("accept", None), ("accept", None), ("finish", 4)]
    assert [assessment.converged for assessment in assessments] == [False, False, False, False, True]
    assert assessments[4].best == 4


def test_sppos_dpo_rolls_back_to_its_second_at_its_third() -> None:
    assessments = replay(SPPO_DPO)
    assert all(action != "rollback" for action, _ in actions(assessments)[:3])
    assert actions(assessments)[3] == ("rollback", 2)
    (weakness,) = [one for one in assessments[3].weaknesses if one.type == "capability_regression"]
    assert (weakness.metric, weakness.severity, weakness.evidence) == ("gsm8k", "critical", "confirmed")
    assert "unpaired" in weakness.test
    assert {change.field: change.after for change in assessments[3].proposal.changes} == {
        "beta": 0.2,
        "learning_rate": 2.5e-7,
        "max_steps": 700,
    }


def test_sppos_ipo_is_suspect_at_its_second() -> None:
    assessments = replay(SPPO_IPO)
    regressions = [one for one in assessments[2].weaknesses if one.type == "capability_regression"]
    assert [(one.metric, one.evidence) for one in regressions] == [("gsm8k", "suspected")]
    (over,) = [one for one in assessments[2].weaknesses if one.type == "over_optimisation"]
    assert (over.metric, over.evidence) == ("held_out_judge_score", "confirmed")
    assert "length ×1.59" in over.detail
    assert actions(assessments)[2] == ("rollback", 1)
    assert "degrading" in assessments[2].verdict.reasons[0]


def test_rlhflows_humaneval_is_a_false_alarm_and_stays_suspected() -> None:
    history = load_history(RLHFLOW)
    assessments = judge(history)
    found = [(one.metric, one.evidence) for one in assessments[1].weaknesses]
    assert found == [("humaneval_plus", "suspected")]
    assert all(action not in {"rollback", "retry"} for action, _ in actions(assessments))
    assert actions(judge(replace(history, evidence=False)))[1] == ("rollback", 0)


def test_the_command_says_what_the_rules_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", str(SPPO_DPO), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(as_json(replay(SPPO_DPO))))
