"""What the engine writes is what everyone reads, and a call that fails has changed nothing."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import CorruptError, NoSpaceError, SchemaError, StoreError
from engine.records import Decision, Memory, Metric, Pulse
from engine.store.atomic import drop_ballast
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from engine.store.rows import Command
from tests.fixtures.recorded import Clock


def test_states_attempts_and_the_end_are_on_record(ledger: Ledger, reader: Reader, clock: Clock) -> None:
    assert (reader.state().state, reader.state().since) == ("running", 1_000_000.0)
    clock.tick(5)
    ledger.set_state("failed", "loss is NaN\x1b[2J")
    ledger.end_attempt("failed")
    state = reader.state()
    assert (state.state, state.fault, state.since, state.attempts) == ("failed", "loss is NaN␛[2J", 1_000_005.0, 1)
    assert state.written_by
    (attempt,) = reader.attempts()
    assert (attempt.config_sha, attempt.ended, attempt.outcome) == ("sha", 1_000_005.0, "failed")
    assert state.best is None
    ledger.conclude(0, {"why": "good", "value": math.nan})
    assert (reader.state().best, reader.state().summary) == (0, {"why": "good", "value": None})


def test_a_new_run_is_starting_before_anybody_said_so(paths: RunPaths) -> None:
    with Reader(paths.ledger) as reader:
        assert (reader.state().state, reader.state().attempts, reader.pulse(), reader.gate()) == (
            "starting",
            0,
            None,
            None,
        )
        assert (reader.iterations(), reader.names(), reader.step_range(), reader.latest()) == ((), [], (0, 0), {})
        assert len(reader.series("loss").x) == 0


def test_an_engine_that_died_is_closed_at_its_last_sign_of_life(paths: RunPaths, clock: Clock) -> None:
    with Ledger.open(paths, clock) as first:
        first.begin_attempt("one")
        first.set_state("running")
        first.beat(Pulse(clock.tick(30), "running"))
    clock.tick(3600)
    with Ledger.open(paths, clock) as second, Reader(paths.ledger) as reader:
        assert second.begin_attempt("two", cards=1) == 2
        lost, alive = reader.attempts()
        assert (lost.outcome, lost.ended) == ("lost", 1_000_030.0)
        assert (alive.outcome, alive.ended, alive.cards) == ("", None, 1)


def test_a_new_attempt_sweeps_and_sets_the_ballast_aside(ledger: Ledger, paths: RunPaths) -> None:
    rest = paths.work(1) / ".staging-adapter-abc"
    rest.mkdir(parents=True)
    (rest / "half").write_text("x")
    drop_ballast(paths.ballast)
    ledger.begin_attempt("again")
    assert not rest.exists()
    assert paths.ballast.stat().st_size > 0


def test_the_heartbeat_is_one_row_that_comes_back_whole(ledger: Ledger, reader: Reader) -> None:
    memory = Memory("gpu", "card", total=12, used=9, power=None)
    ledger.beat(Pulse(1.0, "starting"))
    pulse = Pulse(2.0, "running", 3, "dpo", 4, 10, "step", 1.5, 30.0, memory, {"beta": 0.2})
    ledger.beat(pulse)
    assert reader.pulse() == pulse


def test_events_are_cleaned_and_tailed(ledger: Ledger, reader: Reader, clock: Clock) -> None:
    for i in range(5):
        ledger.event("note", f"line {i}\x9b31m", "warn", iteration=0, step=i)
        clock.tick(1)
    first = reader.events()[0]
    assert (first.text, first.t, first.level, first.kind) == ("line 031m", 1_000_000.0, "warn", "note")
    assert (first.iteration, first.step) == (0, 0)
    assert [event.text for event in reader.events(limit=2)] == ["line 331m", "line 431m"]
    assert [event.step for event in reader.events(after=2, limit=2)] == [2, 3]
    assert reader.events(after=5) == []


def test_an_iteration_s_life(ledger: Ledger, reader: Reader, clock: Clock) -> None:
    clock.tick(10)
    accuracy = Metric("mmlu", 0.5, "capability", 2, 0.1, 0.9, (0.0, 1.0), ("a", "b"))
    ledger.close_iteration(0, {"mmlu": accuracy, "lost": Metric("lost", math.nan)}, 24, 8.5)
    ledger.open_iteration(1, 0, {"beta": 0.2, "loss_type": "ipo"}, 24)
    baseline, first = reader.iterations()
    assert (baseline.status, baseline.steps, baseline.train_s, baseline.ended) == ("evaluated", 24, 8.5, 1_000_010.0)
    assert baseline.metrics["mmlu"] == Metric("mmlu", 0.5, "capability", 2, 0.1, 0.9)
    assert baseline.metrics["lost"].value is None
    assert (first.index, first.parent, first.status, first.first_step) == (1, 0, "running", 24)
    assert first.config == {"beta": 0.2, "loss_type": "ipo"}
    assert reader.iterations(items=True)[0].metrics["mmlu"] == accuracy


def test_an_iteration_is_never_made_again_in_place(ledger: Ledger, reader: Reader) -> None:
    with pytest.raises(StoreError, match="iteration 0 is already"):
        ledger.open_iteration(0, None, {}, 7)
    with pytest.raises(StoreError, match="iteration 9 is not in"):
        ledger.close_iteration(9, {}, 1, 1.0)
    assert reader.iterations()[0].config == {"beta": 0.1}


def test_a_failed_iteration_keeps_its_steps(ledger: Ledger, reader: Reader) -> None:
    ledger.open_iteration(1, 0, {}, 100)
    ledger.record(1, 137, 0.0, {"loss": math.nan})
    ledger.fail_iteration(1, "the loss is not finite")
    failed = reader.iterations()[1]
    assert (failed.status, failed.fault, failed.steps) == ("failed", "the loss is not finite", 37)


def test_stages_and_checkpoints_are_found_again(ledger: Ledger) -> None:
    assert (ledger.stages(0), ledger.latest_checkpoint(0)) == ({}, None)
    ledger.stage_done(0, "collect", {"pairs": 96})
    ledger.stage_done(0, "collect", {"pairs": 97})
    ledger.stage_done(0, "filter", {})
    ledger.checkpoint(0, 50, "checkpoint-50", "a")
    ledger.checkpoint(0, 20, "checkpoint-20", "b")  # a resume that found the first one damaged
    assert ledger.stages(0) == {"collect": {"pairs": 97}, "filter": {}}
    assert ledger.latest_checkpoint(0) == (20, "checkpoint-20", "b")
    assert ledger.latest_checkpoint(1) is None


def test_an_iteration_knows_how_long_its_stages_took(ledger: Ledger, reader: Reader, clock: Clock) -> None:
    for name, seconds in (("sft", 3.5), ("collect", 2.0), ("dpo", 40.25)):
        clock.now += seconds
        ledger.stage_done(0, name, {"seconds": seconds})
    ledger.stage_done(0, "filter", {})
    assert list(reader.iterations()[0].stages.items()) == [("sft", 3.5), ("collect", 2.0), ("dpo", 40.25)]


def test_metrics_come_back_as_they_were(ledger: Ledger, reader: Reader) -> None:
    ledger.record(0, 1, 10.0, {"loss": 0.5, "grad_norm": 2.0})
    ledger.record(0, 2, 11.0, {"loss": math.nan, "grad_norm": 1e39})
    ledger.record(0, 3, 12.0, {"memory/used": float(2**33)})
    ledger.record(0, 3, 12.0, {})
    rows = reader.rows_since(0)
    assert [(row.id, row.iteration, row.step, row.t) for row in rows] == [
        (1, 0, 1, 10.0),
        (2, 0, 2, 11.0),
        (3, 0, 3, 12.0),
    ]
    assert rows[0].values == {"loss": 0.5, "grad_norm": 2.0}
    assert math.isnan(rows[1].values["loss"])
    assert math.isinf(rows[1].values["grad_norm"])
    assert rows[2].values == {"memory/used": 2**33}
    assert [row.id for row in reader.rows_since(1, limit=1)] == [2]
    assert reader.names() == ["loss", "grad_norm", "memory/used"]
    assert (reader.last_id(), reader.step_range()) == (3, (1, 3))


def test_the_latest_value_of_a_rare_metric_is_kept_in_sight(ledger: Ledger, reader: Reader) -> None:
    ledger.record(0, 1, 0.0, {"rare": 7.0})
    for step in range(2, 400):
        ledger.record(0, step, 0.0, {"loss": float(step)})
    assert reader.latest() == {"rare": 7.0, "loss": 399.0}
    assert reader.recent("rare") == [(0.0, 7.0)]
    assert reader.recent("loss", 2) == [(0.0, 398.0), (0.0, 399.0)]


def test_the_last_recorded_step_is_the_highest_of_any_attempt(ledger: Ledger) -> None:
    assert ledger.last_recorded_step(0) is None
    for step in (1, 2, 3, 2):
        ledger.record(0, step, 0.0, {"loss": 1.0})
    assert ledger.last_recorded_step(0) == 3


def test_text_that_no_encoding_holds_is_kept_all_the_same(ledger: Ledger, reader: Reader) -> None:
    ledger.event("data", "half a \ud83d pair")
    ledger.stage_done(0, "collect", {"worst": "half a \ud83d pair", "bell": "\x07"})
    assert reader.events()[-1].text == "half a \N{REPLACEMENT CHARACTER} pair"
    assert ledger.stages(0) == {"collect": {"worst": "half a \N{REPLACEMENT CHARACTER} pair", "bell": ""}}


def test_a_ledger_closes_on_a_full_disk_too(paths: RunPaths) -> None:
    ledger = Ledger.open(paths)
    ledger.record(0, 1, 0.0, many(1.0))
    ledger._db.execute("CREATE TEMP TRIGGER full BEFORE UPDATE ON rolled BEGIN SELECT raise(ABORT, 'full'); END")
    ledger.close()
    with Ledger.open(paths) as again, Reader(paths.ledger) as reader:
        again.record(0, 100, 0.0, many(3.0))
        assert reader.series("m3", columns=1).mean.tolist() == [1.0, 3.0]


def _fill(ledger: Ledger) -> None:
    """No page more than there is: what a full disk looks like to SQLite."""
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count={pages}")


def test_what_must_not_be_lost_is_on_the_disk_and_metrics_do_not_wait_for_it(ledger: Ledger) -> None:
    told: list[str] = []
    ledger._db.set_trace_callback(told.append)

    def waits(call: Callable[[], object]) -> bool:
        told.clear()
        call()
        return told[0] == "PRAGMA synchronous=FULL" and told[-2:] == ["COMMIT", "PRAGMA synchronous=NORMAL"]

    assert waits(lambda: ledger.set_state("paused"))
    assert waits(lambda: ledger.checkpoint(0, 1, "checkpoint-1", "sha"))
    assert waits(lambda: ledger.decide(0, Decision("accept")))
    assert waits(lambda: ledger.apply(Command(1, "u", "pause"), None, "paused"))
    assert not waits(lambda: ledger.record(0, 1, 0.0, {"loss": 1.0}))
    assert not waits(lambda: ledger.beat(Pulse(1.0, "running")))


def many(value: float) -> dict[str, float]:
    return {f"m{i}": value for i in range(20)}


def test_a_full_disk_loses_nothing_and_says_so(ledger: Ledger, reader: Reader) -> None:
    def record_on(first: int) -> None:
        for step in range(first, 500):
            ledger.record(0, step, 0.0, many(1.0))

    _fill(ledger)
    with pytest.raises(NoSpaceError, match="disk is full"):
        record_on(1)
    failed_at = reader.step_range()[1] + 1
    with pytest.raises(NoSpaceError):
        ledger.stage_done(0, "collect", {"text": "x" * 100_000})
    assert reader.step_range()[1] == failed_at - 1 > 0
    ledger._db.execute("PRAGMA max_page_count=1000000")
    ledger.event("disk", "there is room again")
    record_on(failed_at)
    rolled = reader.series("m3", columns=1)
    assert (rolled.level, rolled.mean.tolist()) == (192, [1.0, 1.0, 1.0])
    assert len(reader.series("m3", columns=500).x) == 499


@pytest.mark.parametrize(("content", "error"), [(b"", CorruptError), (b"not a database" * 1000, CorruptError)])
def test_an_engine_does_not_write_into_what_is_no_ledger(
    paths: RunPaths, content: bytes, error: type[Exception]
) -> None:
    paths.ledger.write_bytes(content)
    with pytest.raises(error, match=r"run\.db"):
        Ledger.open(paths)
    assert paths.ledger.read_bytes() == content


def test_an_engine_does_not_write_into_a_newer_ledger(paths: RunPaths) -> None:
    db = sqlite3.connect(paths.ledger)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(SchemaError, match="ledger version 99"):
        Ledger.open(paths)


def test_a_missing_ledger_is_made(paths: RunPaths) -> None:
    for path in Path(paths.root).glob("run.db*"):
        path.unlink()
    with Ledger.open(paths) as ledger:
        ledger.set_state("running")
    with Reader(paths.ledger) as reader:
        assert reader.state().state == "running"
