"""The feed: what is new and nothing else, the same for who comes late, and no state that is not in the ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.records import Decision
from engine.store.control import Outbox
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from tests.fixtures.recorded import BASELINE_STEPS, alive, write_run
from tui.feed import EVENTS, SHARE, SLOW_S, Feed, View, read_limits
from tui.messages import (
    CommandApplied,
    CurvesChanged,
    EventsChanged,
    FeedFailed,
    FeedMessage,
    GateChanged,
    HealthChanged,
    IterationsChanged,
    MemoryHistory,
)

STEPS = 60


class Watch:
    """A feed on a run, polled by hand, with the clock in the test's hand."""

    def __init__(self, paths: RunPaths) -> None:
        self.paths, self.now = paths, 1e9
        self.posted: list[FeedMessage] = []
        self.feed = Feed(paths, self.posted.append, lambda: self.now)
        self.reader = Reader(paths.ledger)

    def poll(self, after: float = 60.0) -> list[FeedMessage]:
        self.posted.clear()
        self.now += after
        self.feed.poll(self.reader)
        return list(self.posted)

    def kinds(self, after: float = 60.0) -> set[type[FeedMessage]]:
        return {type(message) for message in self.poll(after)}


@pytest.fixture
def watch(runs: Path) -> Iterator[Watch]:
    paths = write_run("awaiting_decision", steps=STEPS)
    with alive(paths):
        yield Watch(paths)


def only(kind: type[FeedMessage], messages: list[FeedMessage]) -> FeedMessage:
    [found] = [message for message in messages if type(message) is kind]
    return found


def test_the_first_poll_tells_everything_once(watch: Watch) -> None:
    assert watch.kinds() == {
        HealthChanged,
        EventsChanged,
        IterationsChanged,
        GateChanged,
        CurvesChanged,
        MemoryHistory,
    }
    assert watch.kinds() == set()


def test_an_event_is_told_and_nothing_else_is_repeated(watch: Watch) -> None:
    watch.poll()
    with Ledger.open(watch.paths) as ledger:
        ledger.event("note", "something happened")
    [message] = watch.poll()
    assert isinstance(message, EventsChanged)
    assert message.events[-1].text == "something happened"


def test_only_the_newest_events_are_kept(watch: Watch) -> None:
    with Ledger.open(watch.paths) as ledger:
        for index in range(EVENTS + 10):
            ledger.event("note", f"event {index}")
    message = only(EventsChanged, watch.poll())
    assert isinstance(message, EventsChanged)
    assert len(message.events) == EVENTS
    assert message.events[-1].text == f"event {EVENTS + 9}"


def test_a_decision_reaches_gate_and_iterations_at_once_when_the_state_moves(watch: Watch) -> None:
    watch.poll()
    with Ledger.open(watch.paths) as ledger:
        ledger.decide(2, Decision("accept", who="ana@lab"))
        ledger.set_state("running")
    kinds = watch.kinds(after=SLOW_S / 10)
    assert {HealthChanged, GateChanged, IterationsChanged} <= kinds


def test_curves_are_of_the_newest_iteration_that_trained_counted_from_its_start(watch: Watch) -> None:
    message = only(CurvesChanged, watch.poll())
    assert isinstance(message, CurvesChanged)
    assert message.iteration == 2
    loss = message.curves[0]
    assert loss is not None
    assert loss.plot.metric == "loss"
    assert (loss.x[0], loss.x[-1]) == (1, STEPS)
    assert np.isfinite(loss.mean).all()


def test_the_whole_run_counts_steps_from_its_own_start(watch: Watch) -> None:
    watch.poll()
    watch.feed.look(View(whole_run=True, columns=400))
    message = only(CurvesChanged, watch.poll(after=0.0))
    assert isinstance(message, CurvesChanged)
    assert message.iteration is None
    loss = message.curves[0]
    assert loss is not None
    assert loss.x[-1] == BASELINE_STEPS + 2 * STEPS


def test_a_range_reads_no_more_than_itself(watch: Watch) -> None:
    watch.poll()
    watch.feed.look(View(range=(10.0, 20.0)))
    message = only(CurvesChanged, watch.poll(after=0.0))
    assert isinstance(message, CurvesChanged)
    loss = message.curves[0]
    assert loss is not None
    assert (loss.x[0], loss.x[-1]) == (10, 21)


def test_while_the_next_iteration_collects_the_last_trained_one_stays_in_view(runs: Path) -> None:
    paths = write_run("running", steps=STEPS)
    watch = Watch(paths)
    with Ledger.open(paths) as ledger:  # a third iteration that still collects: the second one stays in view
        ledger.open_iteration(3, 2, {}, BASELINE_STEPS + STEPS + STEPS // 2)
    message = only(CurvesChanged, watch.poll())
    assert isinstance(message, CurvesChanged)
    assert message.iteration == 2


def test_a_command_is_told_once_when_the_engine_has_taken_it(watch: Watch) -> None:
    watch.poll()
    command = Outbox(watch.paths).send("checkpoint")
    watch.feed.await_command(command.uuid)
    assert watch.kinds() == set()
    with Ledger.open(watch.paths) as ledger:
        ledger.apply(command, 7, "checkpoint at step 7")
    message = only(CommandApplied, watch.poll())
    assert isinstance(message, CommandApplied)
    assert message.applied.result == "checkpoint at step 7"
    assert watch.kinds() == set()


def test_who_attaches_late_sees_the_same(watch: Watch) -> None:
    first = {type(message): message for message in watch.poll()}
    second = {type(message): message for message in Watch(watch.paths).poll()}
    early, late = first[IterationsChanged], second[IterationsChanged]
    assert isinstance(early, IterationsChanged)
    assert isinstance(late, IterationsChanged)
    assert early.iterations == late.iterations
    assert first.keys() == second.keys()


def test_an_engine_that_dies_is_told(runs: Path) -> None:
    paths = write_run("running")
    watch = Watch(paths)
    with alive(paths):
        before = only(HealthChanged, watch.poll())
        assert isinstance(before, HealthChanged)
        assert before.state == "running"
    after = only(HealthChanged, watch.poll())
    assert isinstance(after, HealthChanged)
    assert (after.state, after.life.verdict) == ("lost", "dead")


def test_a_dear_look_is_followed_by_a_longer_rest(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = iter([0.0, 5.0, 0.0, 0.2])  # the first look pays for imports, and that is nothing to rest from
    monkeypatch.setattr("tui.feed.time.thread_time", lambda: next(cpu))
    watch.poll()
    watch.poll(after=SLOW_S)
    with Ledger.open(watch.paths) as ledger:
        ledger.record(2, 200, 1e9, {"loss": 0.1})
    assert watch.kinds(after=0.2 / SHARE - 1) == set()


def test_a_ledger_that_is_none_is_said_once_and_tried_again(runs: Path) -> None:
    paths = write_run("lost")
    paths.ledger.write_bytes(b"not a database")
    posted: list[FeedMessage] = []
    feed = Feed(paths, posted.append)
    looks = iter(range(5))

    def cancelled() -> bool:
        feed.close()  # do not sleep
        return next(looks, 5) >= 4

    thread = threading.Thread(target=feed.follow, args=(cancelled,))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    [message] = posted
    assert isinstance(message, FeedFailed)
    assert "run.db" in message.message


def test_limits_come_from_the_runs_own_config(runs: Path) -> None:
    paths = write_run("lost")
    paths.config.write_text("thresholds: {kl: 0.25}\nbudget: {iterations: 7}\n")
    assert read_limits(paths) == (0.25, 7, True)


@pytest.mark.parametrize(
    "text", ["", "thresholds: 3", "[", "thresholds: {kl: none}\nbudget: {}", "a: !!python/name:os"]
)
def test_a_config_that_says_nothing_leaves_the_defaults(runs: Path, text: str) -> None:
    paths = write_run("lost")
    paths.config.write_text(text)
    assert read_limits(paths) == (0.1, None, True)


def test_ppo_has_the_charts_to_itself_from_its_first_update_on_with_its_target(watch: Watch) -> None:
    """Its updates come after two other trainings of the iteration: the axis begins where they do."""
    with Ledger.open(watch.paths) as ledger:
        last = ledger.last_recorded_step(2) or 0
        for update in range(1, 4):
            values = {
                "objective/rlhf_reward": 0.1 * update,
                "objective/entropy": 7.0,
                "objective/kl": 0.5 * update,
                "explained_variance": 0.2,
                "kl_target": 2.5,
            }
            ledger.record(2, last + update, 0.0, values)
    message = only(CurvesChanged, watch.poll())
    assert isinstance(message, CurvesChanged)
    assert [curve.plot.metric for curve in message.curves if curve] == [
        "objective/rlhf_reward",
        "objective/entropy",
        "objective/kl",
        "explained_variance",
    ]
    assert [curve.target for curve in message.curves if curve] == [None, None, 2.5, None]
    first, end = message.extent
    assert end - first == 2
    assert message.curves[0] is not None
    assert message.curves[0].x.tolist() == [first, first + 1, end]


def test_rloo_and_grpo_have_the_charts_to_themselves_and_ktos_kl_is_not_taken_for_theirs(watch: Watch) -> None:
    with Ledger.open(watch.paths) as ledger:
        last = ledger.last_recorded_step(2) or 0
        for step in range(1, 4):
            shared = {"kl": 0.1 * step, "completions/mean_length": 9.0, "clip_ratio/region_mean": 0.1}
            ledger.record(2, last + 2 * step, 0.0, {"reward": 0.2 * step, "entropy": 2.0, **shared})
    message = only(CurvesChanged, watch.poll())
    assert isinstance(message, CurvesChanged)
    shown = ["reward", "completions/mean_length", "kl", "clip_ratio/region_mean"]
    assert [curve.plot.metric for curve in message.curves if curve] == shown
    assert message.extent[1] - message.extent[0] == 4


def test_a_kl_without_rewards_is_another_trainers(watch: Watch) -> None:
    with Ledger.open(watch.paths) as ledger:
        ledger.record(2, (ledger.last_recorded_step(2) or 0) + 1, 0.0, {"kl": 0.1, "loss": 1.0})
    message = only(CurvesChanged, watch.poll())
    assert isinstance(message, CurvesChanged)
    assert "kl" not in {curve.plot.metric for curve in message.curves if curve}
