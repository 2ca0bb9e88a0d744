from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from engine.judgement import assess
from engine.records import Assessment, Decision, History, Proposal, Verdict, as_json
from engine.report import iteration_log, log_json, log_of, markdown
from tests.fixtures.recorded import write_run
from tests.fixtures.tables import CONFIG, table, with_iteration

START = {"win": 0.5, "kl": 0.0, "gsm8k": (0.4, 1319)}


def overshoot() -> History:
    """Iteration 1 breaks a capability and KL; the operator rolls back and edits; 2 is fine and is finished with."""
    rows = {"win": 0.8, "kl": 0.4, "gsm8k": (0.2, 1319)}, {"win": (0.7, 805), "kl": 0.05, "gsm8k": (0.41, 1319)}
    history = table(START, *rows, parents=[None, 0, 0])
    history = replace(with_iteration(history, 0, status="decided"), name="over|shoot")
    first = assess(replace(history, iterations=history.iterations[:2]))
    back = Decision("rollback", 0, {"beta": 0.3}, ("beta",), "ana@host", "too far", 1_767_600_000)
    history = with_iteration(history, 1, assessment=first, decision=back, status="decided")
    history = with_iteration(history, 2, config={**CONFIG, "beta": 0.3, "learning_rate": 5e-7}, status="decided")
    end = Decision("finish", None, {}, (), "policy", "good enough", 1_767_603_600)
    return with_iteration(history, 2, assessment=assess(history), decision=end)


def test_the_log_says_which_iteration_was_selected_and_why() -> None:
    log = log_of(overshoot())
    assert (log.selected, log.best) == (2, 2)
    assert log.why.startswith("win rate 0.7 (0.667 to 0.731), KL 0.05")
    assert "highest lower bound of the win rate" in log.why
    assert log.why.endswith("decided by policy: good enough")
    assert "**Selected: iteration 2.** Win rate 0.7" in markdown(overshoot())


def test_a_choice_against_the_rules_is_said() -> None:
    history = with_iteration(overshoot(), 2, decision=Decision("finish", 0, who="ana", why="no time"))
    log = log_of(history)
    assert log.selected == 0
    assert "the rules' best is iteration 2" in log.why
    assert "**Selected: the baseline.**" in markdown(history)


def test_changes_are_against_the_parent_with_whose_reason() -> None:
    entry = log_of(overshoot()).entries[2]
    changes = {change.field: (change.before, change.after, change.why) for change in entry.changes}
    assert changes["beta"] == (0.1, 0.3, "edited at the gate")
    assert changes["learning_rate"][:2] == (1e-6, 5e-7)
    assert changes["learning_rate"][2].startswith("gsm8k: capability regression, confirmed")
    assert set(changes) == {"beta", "learning_rate"}


def test_the_time_of_each_stage_is_told_in_their_order() -> None:
    history = with_iteration(overshoot(), 1, stages={"collect": 381.33, "dpo": 265.4})
    assert "Wall time: collect 381.3 s, dpo 265.4 s; 646.7 s in all" in markdown(history)
    assert log_of(history).entries[1].stages == {"collect": 381.33, "dpo": 265.4}
    assert "Wall time" not in markdown(overshoot())


def test_results_carry_intervals_and_both_deltas() -> None:
    entry = log_of(table(START, {**START, "win": (0.6, 100)}, {**START, "win": (0.7, 100)})).entries[2]
    win = next(result for result in entry.results if result.name == "win_rate_vs_baseline")
    assert win.low is not None
    assert win.low < 0.7 < (win.high or 0)
    assert round(win.from_parent or 0, 9) == 0.1
    assert round(win.from_baseline or 0, 9) == 0.2
    first = log_of(table(START)).entries[0].results[0]
    assert (first.from_parent, first.from_baseline) == (None, None)


def test_the_document_tells_the_whole_story() -> None:
    text = markdown(overshoot())
    assert "## Iteration 1 from the baseline: decided" in text
    assert "- critical, confirmed: gsm8k 0.4 → 0.2" in text
    assert "Verdict: **roll back to the baseline**" in text
    assert "Decision: **rollback** to the baseline by ana@host, 2026-01-05 08:00 UTC: too far; edited beta" in text
    assert "- `beta` 0.1 → 0.3 (edited at the gate)" in text
    assert "## Convergence" in text
    assert text.endswith("\n")
    assert markdown(overshoot()) == text


def test_a_missing_number_is_shown_as_missing() -> None:
    assert "| kl_divergence | missing |" in markdown(table(START, {**START, "kl": None}))


def test_a_failed_iteration_says_why() -> None:
    history = with_iteration(table(START, {}), 1, status="failed", fault="the loss is not finite")
    assert "Failed: The loss is not finite." in markdown(history)


def test_a_run_that_has_only_begun_has_a_log() -> None:
    running = with_iteration(table({}), 0, status="running")
    assert log_of(running).best is None
    assert "Nothing is measured yet." in markdown(running)
    assert "# table: iteration log" in markdown(History("table", ()))
    second = with_iteration(table(START, {**START, "win": 0.6}, {}), 2, status="running")
    assert log_of(second).best == 1
    assert "**Best so far: iteration 1.**" in markdown(second)


def test_recorded_assessments_are_shown_as_they_were_and_not_made_anew() -> None:
    seen = Assessment(1, (), Verdict("ask", None, ("a human must look",)), Proposal(1))
    history = with_iteration(table(START, {**START, "win": 0.6}), 1, assessment=seen, status="evaluated")
    assert "- a human must look\n" in markdown(history)


def test_nothing_in_a_name_or_a_reason_breaks_the_document() -> None:
    decision = Decision("accept", who="eve\x1b[31m", why="| a\n# b <script>")
    text = markdown(with_iteration(overshoot(), 2, decision=decision))
    assert "# over\\|shoot: iteration log" in text
    assert "\x1b" not in text
    assert "\n# b" not in text
    assert "\\| a # b &lt;script>" in text


def test_the_same_as_json() -> None:
    record = json.loads(json.dumps(as_json(log_of(overshoot())), allow_nan=False))
    assert record["selected"] == 2
    assert record["entries"][2]["changes"][0] == {"field": "beta", "from": 0.1, "to": 0.3, "why": "edited at the gate"}
    assert record["convergence"]["converged"] is False


def test_a_runs_log_comes_from_its_ledger(runs: Path) -> None:
    paths = write_run("awaiting_decision")
    assert runs in paths.root.parents
    text, record = iteration_log(paths), log_json(paths)
    assert text.startswith(f"# {paths.name}: iteration log")
    assert [entry["index"] for entry in record["entries"]] == [0, 1, 2]
    assert record["selected"] is None


def test_iterations_stand_side_by_side_with_marks_and_trends() -> None:
    rows = [{**START, "gsm8k": (value, 1319)} for value in (0.5, 0.45, 0.4)]
    page = markdown(table(*rows))
    assert "## Comparison" in page
    assert "| gsm8k ↑ | 0.5 | 0.45 (b -0.05 worse) | 0.4 (-0.05 worse; b -0.1 worse) | worsening: 0.5 → 0.4 |" in page
    bare = markdown(table(*rows, evidence=False))
    assert "Evidence is off" in bare


def test_the_json_of_a_log_has_the_comparison(runs: Path) -> None:
    lines = log_json(write_run("completed"))["comparison"]["lines"]
    math = next(line for line in lines if line["metric"] == "gsm8k")
    assert (math["sense"], math["points"][2]["from_parent"]["mark"]) == ("higher", "unsure")
    assert math["course"]["iterations"] == [0, 1, 2]
