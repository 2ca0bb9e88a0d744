"""A gate takes one decision, from whoever is first, and refuses in words what cannot be carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.config import RunConfig, iteration_settings, parse_config
from engine.gate import Gate, policy_decision
from engine.records import Assessment, Change, Decision, Iteration, Proposal, Verdict
from engine.store.rows import Command

CHANGE = Change("beta", 0.1, 0.2, "kl")
ASSESSMENT = Assessment(2, (), Verdict("rollback", 1, ("gsm8k fell",)), Proposal(1, (CHANGE,)), best=1)


class Book:
    def __init__(self) -> None:
        self.decisions: list[tuple[int, Decision, Command | None]] = []
        self.events: list[str] = []

    def decide(self, index: int, decision: Decision, command: Command | None) -> bool:
        self.decisions.append((index, decision, command))
        return True

    def event(self, kind: str, text: str, *_: Any) -> None:
        self.events.append(text)


class Wheelhouse:
    """A helm that hands the gate one command a turn, then moves the clock on."""

    step = 80

    def __init__(self, commands: list[Command]) -> None:
        self.commands, self.now = commands, 1000.0
        self.refused: list[str] = []
        self.at_gate: Callable[[Command], None] | None = None
        self.states: list[str] = []

    def enter(self, *_: Any) -> None: ...

    def become(self, state: str) -> None:
        self.states.append(state)

    def wait(self) -> None:
        assert self.at_gate is not None
        self.now += 1
        if self.commands:
            self.at_gate(self.commands.pop(0))
        elif self.now > 2000:
            raise TimeoutError

    def settle(self, command: Command, result: str, ok: bool = True) -> None:
        assert not ok
        self.refused.append(result)


def say(**arg: Any) -> Command:
    return Command(1, "u1", "decide", arg, "ana@host", "looks right")


def gate(commands: list[Command], fault: str = "", **config: Any) -> tuple[Gate, Book, Wheelhouse]:
    run = parse_config("").model_copy(update=config)
    settings = iteration_settings(run)
    iterations = [
        Iteration(0, None, "evaluated", config=settings),
        Iteration(1, 0, "decided", config=settings, decision=Decision("accept", who="bo@host")),
        Iteration(2, 1, "evaluated", config={**settings, "beta": 0.4}, assessment=ASSESSMENT, fault=fault),
    ]
    book, helm = Book(), Wheelhouse(commands)
    return Gate(iterations[2], iterations, run, book, helm, lambda: helm.now), book, helm  # type: ignore[arg-type]


def test_accept_without_changes_takes_the_proposal() -> None:
    command = say(action="accept")
    at, book, helm = gate([command])
    at.wait(opened=1000)
    decision = Decision("accept", None, {"beta": 0.2}, (), "ana@host", "looks right", helm.now)
    assert book.decisions == [(2, decision, command)]
    assert book.events == ["iteration 2: accept by ana@host: looks right"]
    assert helm.states == ["awaiting_decision"]


def test_the_operators_edits_are_kept() -> None:
    at, book, _ = gate([say(action="retry", changes={"beta": 0.3}, edited=["beta"])])
    at.wait(opened=1000)
    decision = book.decisions[0][1]
    assert (decision.changes, decision.edited) == ({"beta": 0.3}, ("beta",))


@pytest.mark.parametrize(
    ("arg", "words"),
    [
        ({"action": "rollback"}, "needs the iteration to go back to"),
        ({"action": "rollback", "to": 7}, "there is no finished iteration 7; there are 0, 1, 2"),
        ({"action": "dance"}, "unknown decision 'dance'"),
        ({"action": "accept", "changes": {"beta": 9}}, "beta = 9"),
        ({"action": "accept", "changes": {"bta": 0.1}}, "bta: unknown key"),
        ({"action": "accept", "iteration": 1}, "iteration 1 was already decided: accept by bo@host"),
        ({"action": "accept", "iteration": 9}, "iteration 9 has no open gate; iteration 2 has"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_and_the_gate_stays_open(arg: dict[str, Any], words: str) -> None:
    at, book, helm = gate([say(**arg), say(action="finish")])
    at.wait(opened=1000)
    assert words in helm.refused[0]
    assert [decision.action for _, decision, _ in book.decisions] == ["finish"]


def test_a_failed_iteration_cannot_be_accepted_or_gone_back_to() -> None:
    at, _, helm = gate([say(action="accept"), say(action="rollback", to=2), say(action="retry")], fault="loss nan")
    at.wait(opened=1000)
    assert helm.refused == [
        "iteration 2 failed and left nothing to accept; retry or roll back",
        "there is no finished iteration 2; there are 0, 1",
    ]


def test_without_a_policy_the_gate_waits_for_ever() -> None:
    at, book, _ = gate([])
    with pytest.raises(TimeoutError):
        at.wait(opened=1000)
    assert not book.decisions


@pytest.mark.parametrize(("decide", "after"), [("auto", 0), (60.0, 60)])
def test_a_policy_takes_the_verdict_when_it_is_due(decide: RunConfig, after: float) -> None:
    at, book, helm = gate([], decide=decide)
    at.wait(opened=1000)
    index, decision, command = book.decisions[0]
    assert (index, decision.action, decision.to, decision.who, command) == (2, "rollback", 1, "policy", None)
    assert decision.changes == {"beta": 0.2}
    assert helm.now == 1000 + after


def test_an_operator_is_heard_before_a_patient_policy() -> None:
    at, book, _ = gate([say(action="finish")], decide=60.0)
    at.wait(opened=1000)
    assert book.decisions[0][1].who == "ana@host"


def test_ask_is_taken_as_accept_and_the_record_says_so() -> None:
    decision = policy_decision(replace(ASSESSMENT, verdict=Verdict("ask")), 5.0)
    assert decision.action == "accept"
    assert "could not tell" in decision.why
