"""A run pays for the time that its engine worked, and for nothing else."""

from __future__ import annotations

import pytest

from engine.records import Iteration, Pulse
from engine.store.charge import charged_to, spent
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from tests.fixtures.recorded import Clock


def test_waiting_and_pauses_are_free(paths: RunPaths, clock: Clock) -> None:
    with Ledger.open(paths, clock) as ledger, Reader(paths.ledger) as reader:
        ledger.begin_attempt("sha", cards=2)
        for state, seconds in (
            ("starting", 10),
            ("running", 100),
            ("paused", 1000),
            ("running", 20),
            ("awaiting_decision", 5000),
            ("running", 30),
            ("stopping", 5),
        ):
            ledger.set_state(state)  # type: ignore[arg-type]
            clock.tick(seconds)
        ledger.set_state("stopped")
        ledger.end_attempt("stopped")
        clock.tick(9999)
        found = spent(reader.charged(), ())
    assert (found.wall_s, found.gpu_s) == (165, 330)


def test_a_dead_engine_is_charged_until_its_last_heartbeat(paths: RunPaths, clock: Clock) -> None:
    with Ledger.open(paths, clock) as ledger:
        ledger.begin_attempt("sha")
        ledger.set_state("running")
        ledger.open_iteration(0, None, {}, 0)
        ledger.beat(Pulse(clock.tick(40), "running"))
    with Reader(paths.ledger) as reader:
        assert spent(reader.charged(), ()).wall_s == 40
    clock.tick(100_000)
    with Ledger.open(paths, clock) as ledger, Reader(paths.ledger) as reader:
        ledger.begin_attempt("sha")
        ledger.set_state("running")
        clock.tick(7)
        ledger.close_iteration(0, {}, 5, 5.0)
        ledger.set_state("awaiting_decision")
        assert spent(reader.charged(), ()).wall_s == 47
        assert charged_to(reader.iterations()[0], reader.charged()) == 47


def test_the_next_iteration_is_expected_to_cost_what_the_last_three_did(paths: RunPaths, clock: Clock) -> None:
    with Ledger.open(paths, clock) as ledger, Reader(paths.ledger) as reader:
        ledger.begin_attempt("sha")
        for index, seconds in enumerate((500, 10, 20, 30, 40)):
            ledger.set_state("running")
            ledger.open_iteration(index, index - 1 if index else None, {}, 0)
            clock.tick(seconds)
            ledger.close_iteration(index, {}, 1, 1.0)
            ledger.set_state("awaiting_decision")
            clock.tick(10_000)
        ledger.set_state("running")
        ledger.open_iteration(5, 4, {}, 0)
        ledger.fail_iteration(5, "NaN")
        found = spent(reader.charged(), reader.iterations())
    assert found.next_iteration_s == pytest.approx(30)
    assert found.wall_s == 600


def test_nothing_is_expected_of_a_run_without_trained_iterations() -> None:
    assert spent((), (Iteration(0, None, ended=5.0),)).next_iteration_s == 0
