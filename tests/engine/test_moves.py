"""What the engine does next follows from the record alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.moves import Await, Begin, Conclude, Judge, Make, next_move, start_of
from engine.records import Assessment, Decision, Iteration, Proposal, Verdict

SETTINGS = {"beta": 0.1, "max_steps": 40}
BASELINE = Iteration(0, None, "evaluated", config=SETTINGS, steps=5)


def decided(index: int, parent: int, decision: Decision | None, best: int | None = None, **more: object) -> Iteration:
    assessment = Assessment(index, (), Verdict("accept"), Proposal(index), best=best)
    iteration = Iteration(
        index, parent, "decided", config={**SETTINGS, "beta": 0.1 * index}, first_step=5 + 40 * (index - 1), steps=40
    )
    return replace(iteration, assessment=assessment, decision=decision, **more)


def test_an_empty_run_begins_with_the_baseline() -> None:
    assert next_move([], SETTINGS) == Begin(0, None, SETTINGS, 0)


def test_the_baseline_has_no_gate() -> None:
    assert next_move([BASELINE], SETTINGS) == Begin(1, 0, SETTINGS, 5)


def test_an_unfinished_iteration_is_made_first() -> None:
    running = replace(decided(1, 0, None), status="running", assessment=None)
    assert next_move([BASELINE, running], SETTINGS) == Make(running)


@pytest.mark.parametrize("status", ["evaluated", "failed"])
def test_a_made_iteration_is_judged_even_when_it_failed(status: str) -> None:
    made = replace(decided(1, 0, None), status=status, assessment=None)
    assert next_move([BASELINE, made], SETTINGS) == Judge(made)


def test_a_judged_iteration_waits_for_its_decision() -> None:
    waiting = decided(1, 0, None)
    assert next_move([BASELINE, waiting], SETTINGS) == Await(waiting)


def test_accept_goes_on_from_the_iteration_with_the_decided_changes() -> None:
    one = decided(1, 0, Decision("accept", changes={"max_steps": 30}))
    assert next_move([BASELINE, one], SETTINGS) == Begin(2, 1, {"beta": 0.1, "max_steps": 30}, 45)


def test_retry_goes_back_to_the_parent_and_its_settings() -> None:
    one = decided(1, 0, Decision("accept"))
    two = decided(2, 1, Decision("retry", changes={"beta": 0.15}))
    assert next_move([BASELINE, one, two], SETTINGS) == Begin(3, 1, {"beta": 0.15, "max_steps": 40}, 85)


def test_rollback_opens_a_branch_and_counts_steps_on() -> None:
    one = decided(1, 0, Decision("accept"))
    two = decided(2, 1, Decision("rollback", to=0))
    assert next_move([BASELINE, one, two], SETTINGS) == Begin(3, 0, SETTINGS, 85)


@pytest.mark.parametrize(("to", "best", "chosen"), [(1, 2, 1), (None, 2, 2), (None, None, 0)])
def test_finish_hands_over_the_named_then_the_best_then_the_baseline(
    to: int | None, best: int | None, chosen: int
) -> None:
    decision = Decision("finish", to=to)
    two = decided(2, 1, decision, best=best)
    assert next_move([BASELINE, decided(1, 0, Decision("accept")), two], SETTINGS) == Conclude(chosen, decision)


def test_a_retry_of_the_first_iteration_starts_from_the_baseline() -> None:
    assert start_of(decided(1, 0, None), Decision("retry")) == 0
