"""A gate is decided once, whoever asks how often; a live setting acts at the same step however often it is replayed."""

from __future__ import annotations

import pytest

from engine.errors import DecisionError
from engine.records import Assessment, Decision, Proposal, Verdict
from engine.store.control import Inbox, Outbox
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from engine.store.rows import Command


def assessment(index: int, why: str = "improving") -> Assessment:
    return Assessment(index, (), Verdict("accept", None, (why,)), Proposal(index), best=index)


@pytest.fixture
def gate(ledger: Ledger) -> Ledger:
    """A ledger whose iteration 1 is at its open gate."""
    ledger.close_iteration(0, {}, 0, 0.0)
    ledger.open_iteration(1, 0, {}, 0)
    ledger.close_iteration(1, {}, 60, 60.0)
    ledger.open_gate(1, assessment(1))
    return ledger


def decide(who: str, number: int = 1) -> Command:
    return Command(number, f"u{number}", "decide", {"iteration": 1, "action": "accept"}, who)


def test_the_first_decision_is_taken_and_the_second_told_who_was_first(gate: Ledger, reader: Reader) -> None:
    ana, ben = decide("ana@lab", 1), decide("ben@lab", 2)
    made = Decision("accept", None, {"beta": 0.2}, ("beta",), "ana@lab", "steady", 5.0)
    assert gate.decide(1, made, ana)
    assert not gate.decide(1, Decision("rollback", 0, who="ben@lab"), ben)
    closed = reader.gate()
    assert closed is not None
    assert (closed.iteration, closed.decision) == (1, made)
    assert (reader.iterations()[1].status, reader.iterations()[1].decision) == ("decided", made)
    first, second = reader.applied("u1"), reader.applied("u2")
    assert first is not None
    assert second is not None
    assert (first.ok, first.result, first.command.who) == (True, "iteration 1: accept", "ana@lab")
    assert (second.ok, second.result) == (False, "iteration 1 was already decided: accept by ana@lab")


def test_a_command_that_is_on_record_changes_nothing_again(gate: Ledger, reader: Reader) -> None:
    command = decide("ana@lab")
    assert gate.decide(1, Decision("accept", who="ana@lab"), command)
    assert not gate.decide(1, Decision("accept", who="ana@lab"), command)
    assert not gate.apply(command, None, "again", ok=False)
    found = reader.applied("u1")
    assert found is not None
    assert found.ok
    assert gate.is_applied(1)
    assert not gate.is_applied(2)


def test_the_policy_decides_without_a_command(gate: Ledger, reader: Reader) -> None:
    assert gate.decide(1, Decision("accept", who="policy"))
    assert not gate.decide(1, Decision("finish", who="policy"))
    assert reader.iterations()[1].decision == Decision("accept", who="policy")


def test_there_is_nothing_to_decide_without_a_gate(gate: Ledger, reader: Reader) -> None:
    assert not gate.decide(0, Decision("accept"), decide("ana@lab"))
    found = reader.applied("u1")
    assert found is not None
    assert (found.ok, found.result) == (False, "iteration 0 is not at its gate")


def test_an_open_gate_can_be_renewed_and_a_decided_one_cannot(gate: Ledger, reader: Reader) -> None:
    gate.open_gate(1, assessment(1, "said anew"))
    opened = reader.gate()
    assert opened is not None
    assert opened.assessment.verdict.reasons == ("said anew",)
    gate.decide(1, Decision("accept"))
    gate.open_gate(1, assessment(1, "too late"))
    closed = reader.gate()
    assert closed is not None
    assert closed.assessment.verdict.reasons == ("said anew",)
    assert closed.decision == Decision("accept")


def setting(number: int, value: float) -> Command:
    return Command(number, f"u{number}", "set", {"learning_rate": value}, "ana@lab", "too fast")


def test_a_resume_finds_what_was_set_above_its_checkpoint(gate: Ledger) -> None:
    for number, step in ((1, 10), (2, 55), (3, 70), (4, 55)):
        gate.apply(setting(number, number / 10), step, "in force")
    gate.apply(setting(5, 9.0), 60, "out of bounds", ok=False)
    gate.apply(Command(6, "u6", "pause"), 60, "paused")
    gate.apply(Command(7, "u7", "gate"), 80, "finishing")
    found = gate.replayable(1, after_step=50)
    assert [(row.command.id, row.step, row.command.arg.get("learning_rate")) for row in found] == [
        (2, 55, 0.2),
        (4, 55, 0.4),
        (3, 70, 0.3),
        (7, 80, None),
    ]
    assert found[0].command.why == "too fast"
    assert gate.replayable(0, 0) == []


@pytest.mark.parametrize("kind", ["set", "gate"])
def test_nothing_binds_to_a_step_that_a_dead_attempt_recorded(gate: Ledger, kind: str) -> None:
    gate.record(1, 120, 0.0, {"loss": 1.0})
    command = Command(1, "u1", kind)  # type: ignore[arg-type]
    with pytest.raises(DecisionError, match="binds above step 120"):
        gate.apply(command, 120, "in force")
    assert not gate.is_applied(1)
    assert gate.apply(command, 121, "in force")


def test_pause_acts_at_once_wherever_the_run_is(gate: Ledger) -> None:
    gate.record(1, 120, 0.0, {"loss": 1.0})
    assert gate.apply(Command(1, "u1", "pause"), 60, "paused")


def test_commands_travel_from_operator_to_record(gate: Ledger, paths: RunPaths, reader: Reader) -> None:
    sent = Outbox(paths, lambda: 9.0).send("decide", {"iteration": 1, "action": "finish"}, "ana@lab", "done")
    (found,) = Inbox(paths).pending()
    assert found == sent
    assert gate.decide(1, Decision("finish", who=found.who, why=found.why), found)
    applied = reader.applied(sent.uuid)
    assert applied is not None
    assert (applied.command.kind, applied.command.arg, applied.command.why) == ("decide", sent.arg, "done")
