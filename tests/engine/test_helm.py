"""Commands act at boundaries, once, and are answered in words. Ledger and inbox are fakes; the clock is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.config import check_setting
from engine.helm import HOLD_S, LABELS_TOLD_S, Helm, Stopped, memory_metrics
from engine.records import Forecast, Memory, Pulse, Scalar, Settings
from engine.store.rows import Command


class Book:
    """A ledger that remembers what it was told."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.pulses: list[Pulse] = []
        self.events: list[str] = []
        self.rows: list[dict[str, float]] = []
        self.settled: dict[int, tuple[bool, str]] = {}

    def set_state(self, state: str, fault: str = "") -> None:
        self.states.append(state)

    def beat(self, pulse: Pulse) -> None:
        self.pulses.append(pulse)

    def record(self, iteration: int, step: int, t: float, values: dict[str, float]) -> None:
        self.rows.append(values)

    def event(self, kind: str, text: str, *_: Any) -> None:
        self.events.append(text)

    def apply(self, command: Command, step: int, result: str, ok: bool = True) -> None:
        assert command.id not in self.settled, "a command was settled twice"
        self.settled[command.id] = (ok, result)

    def note(self, commands: list[Command], result: str) -> None:
        for command in commands:
            self.apply(command, 0, result)

    def is_applied(self, command_id: int) -> bool:
        return command_id in self.settled


class Post:
    """An inbox that commands can be dropped into."""

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def drop(self, kind: Any, **arg: Any) -> int:
        self.commands.append(Command(len(self.commands) + 1, f"u{len(self.commands)}", kind, arg, "ana@host"))
        return len(self.commands)

    def pending(self, after: int, limit: int = 1000) -> list[Command]:
        return [command for command in self.commands if command.id > after][:limit]


class Wheel:
    """A trainer's knobs: learning_rate is what turns."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.settings: dict[str, Scalar] = {"learning_rate": 1e-4}

    def turn(self, wanted: Settings) -> str:
        self.settings |= {name: check_setting(name, str(value), self.settings) for name, value in wanted.items()}
        return ", ".join(f"{name} {value}" for name, value in wanted.items())

    def save(self) -> str:
        self.calls.append("save")
        return "saved"

    def finish(self) -> str:
        self.calls.append("finish")
        return "finishing"

    def stop(self) -> str:
        self.calls.append("stop")
        return "stopping"

    def in_force(self) -> dict[str, Scalar]:
        return dict(self.settings)


class Deck:
    """A helm, everything that it touches, and a clock that only sleeping and the test move on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.book, self.post, self.wheel = Book(), Post(), Wheel()
        self.on_sleep: Callable[[], None] = lambda: None
        self.memory: Memory | None = None
        self.helm = Helm(self.book, self.post, lambda: self.memory, lambda: self.now, self._sleep)  # type: ignore[arg-type]
        self.helm.enter(1, "collect", "completion")

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()


@pytest.fixture
def deck() -> Deck:
    return Deck()


def test_progress_says_where_the_run_is_and_when_it_will_be_done(deck: Deck) -> None:
    deck.helm.progress(0, 100)
    deck.now += 10
    deck.helm.progress(20, 100)
    pulse = deck.book.pulses[-1]
    assert (pulse.stage, pulse.step, pulse.max_steps, pulse.unit) == ("collect", 20, 100, "completion")
    assert pulse.eta_s == pytest.approx(40)


def test_a_new_engine_says_that_it_is_starting(deck: Deck) -> None:
    assert deck.book.states == ["running"]
    helm = Helm(deck.book, deck.post, lambda: None, lambda: deck.now)  # type: ignore[arg-type]
    helm.become("starting")
    assert deck.book.states == ["running", "starting"]


def test_a_run_that_is_over_has_no_time_to_go(deck: Deck) -> None:
    deck.helm.progress(0, 10)
    deck.now += 1
    deck.helm.progress(1, 10)
    deck.helm.become("stopped")
    assert deck.book.pulses[-1].eta_s is None


def test_a_beat_is_not_written_more_often_than_four_times_a_second(deck: Deck) -> None:
    before = len(deck.book.pulses)
    for done in range(100):
        deck.now += 0.01
        deck.helm.progress(done, 100)
    assert 3 <= len(deck.book.pulses) - before <= 5


def test_memory_is_recorded_about_once_a_second(deck: Deck) -> None:
    deck.memory = Memory("gpu", "card", total=12, used=9)
    for done in range(30):
        deck.now += 0.1
        deck.helm.progress(done, 30)
    assert deck.book.rows == [{"memory/used": 9.0, "memory/total": 12.0}] * 3


def test_a_beat_carries_the_other_cards_and_what_is_foreseen_until_the_next_stage(deck: Deck) -> None:
    other, coming = Memory("gpu", "other", total=12), Forecast(5, 6, 512, 256)
    deck.helm = Helm(deck.book, deck.post, lambda: None, lambda: deck.now, beside=lambda: (other,))  # type: ignore[arg-type]
    deck.helm.foresee(coming)
    deck.helm.beat(force=True)
    assert (deck.book.pulses[-1].cards, deck.book.pulses[-1].forecast) == ((other,), coming)
    deck.helm.enter(1, "evaluate")
    assert deck.book.pulses[-1].forecast is None


def test_the_wall_is_told_once_while_it_is_near(deck: Deck) -> None:
    deck.memory = Memory("gpu", "card", total=100, used=97, peak=80, reserved=80)
    for _ in range(5):
        deck.helm.beat(force=True)
    assert [text for text in deck.book.events if "memory runs out" in text] == deck.book.events
    assert len(deck.book.events) == 1


def test_pause_holds_until_resume_and_is_not_charged(deck: Deck) -> None:
    deck.helm.progress(0, 10)
    pause = deck.post.drop("pause")
    deck.on_sleep = lambda: deck.now >= 1005 and len(deck.post.commands) == 1 and deck.post.drop("resume")
    deck.helm.progress(1, 10)
    assert deck.book.settled[pause] == (True, "paused in collect")
    assert deck.book.states[-2:] == ["paused", "running"]
    assert deck.helm.total_held_s == pytest.approx(5, abs=2 * HOLD_S)


def test_stop_unwinds_at_the_boundary(deck: Deck) -> None:
    stop = deck.post.drop("stop")
    with pytest.raises(Stopped):
        deck.helm.progress(1, 10)
    assert deck.book.settled[stop][0]
    assert deck.book.states[-1] == "stopping"


def test_stop_while_paused_unwinds_too(deck: Deck) -> None:
    deck.post.drop("pause")
    deck.on_sleep = lambda: len(deck.post.commands) == 1 and deck.post.drop("stop")
    with pytest.raises(Stopped):
        deck.helm.progress(1, 10)


def test_stop_while_training_asks_the_trainer_for_a_checkpoint_first(deck: Deck) -> None:
    deck.helm.knobs = deck.wheel
    deck.post.drop("stop")
    deck.helm.progress(1, 10)
    assert deck.wheel.calls == ["stop"]
    deck.helm.knobs = None
    with pytest.raises(Stopped):
        deck.helm.obey()


def test_sigterm_is_a_stop(deck: Deck) -> None:
    deck.helm.terminated = True
    with pytest.raises(Stopped):
        deck.helm.progress(1, 10)


def test_a_live_setting_waits_for_training_and_reports_the_value_in_force(deck: Deck) -> None:
    turn = deck.post.drop("set", learning_rate=2e-4)
    deck.helm.progress(1, 10)
    assert turn not in deck.book.settled
    deck.helm.knobs = deck.wheel
    deck.helm.progress(2, 10)
    assert deck.book.settled[turn] == (True, "learning_rate 0.0002")
    assert deck.book.pulses[-1].in_force == {"learning_rate": 2e-4}


def test_nothing_new_is_bound_to_a_step_that_is_on_record(deck: Deck) -> None:
    deck.helm.knobs, deck.helm.replaying = deck.wheel, True
    turn, gate = deck.post.drop("set", learning_rate=2e-4), deck.post.drop("gate")
    deck.helm.progress(1, 10)
    assert not deck.book.settled
    deck.helm.replaying = False
    deck.helm.progress(2, 10)
    assert deck.book.settled.keys() == {turn, gate}


def test_a_setting_out_of_bounds_is_refused_in_words(deck: Deck) -> None:
    deck.helm.knobs = deck.wheel
    turn = deck.post.drop("set", learning_rate=7)
    deck.helm.progress(1, 10)
    ok, words = deck.book.settled[turn]
    assert not ok
    assert "learning_rate = 7" in words
    assert deck.wheel.settings == {"learning_rate": 1e-4}


@pytest.mark.parametrize(("kind", "words"), [("gate", "no training to end"), ("checkpoint", "nothing is training")])
def test_what_needs_training_is_refused_without_it(deck: Deck, kind: str, words: str) -> None:
    number = deck.post.drop(kind)
    deck.helm.progress(1, 10)
    ok, result = deck.book.settled[number]
    assert not ok
    assert words in result


def test_a_decision_without_a_gate_is_refused(deck: Deck) -> None:
    number = deck.post.drop("decide", action="accept")
    deck.helm.progress(1, 10)
    assert deck.book.settled[number] == (False, "no gate is open: the iteration is still being made")


def test_at_a_gate_pause_and_set_are_refused_and_decisions_pass(deck: Deck) -> None:
    heard: list[Command] = []
    deck.helm.at_gate = heard.append
    pause, turn = deck.post.drop("pause"), deck.post.drop("set", beta=0.2)
    deck.post.drop("decide", action="accept")
    deck.helm.wait()
    assert [command.kind for command in heard] == ["decide"]
    assert [deck.book.settled[number][0] for number in (pause, turn)] == [False, False]


def test_what_a_dead_engine_applied_is_not_applied_again(deck: Deck) -> None:
    number = deck.post.drop("pause")
    deck.book.settled[number] = (True, "paused by another life")
    deck.helm.progress(1, 10)
    assert not deck.helm.paused


def test_what_the_card_does_not_say_is_left_out() -> None:
    assert memory_metrics(Memory("gpu", "x", total=10)) == {"memory/total": 10.0}


def label(deck: Deck, choice: str = "1") -> int:
    return deck.post.drop("label", pair="3fa2b1c0d9e8", choice=choice, first="chosen", iteration=1)


def test_labels_are_on_record_at_once_and_told_in_one_line_a_stage(deck: Deck) -> None:
    given = [label(deck) for _ in range(12)]
    deck.helm.progress(1, 10)
    assert [deck.book.settled[number] for number in given] == [(True, "noted")] * 12
    assert deck.book.events == []
    deck.helm.enter(1, "filter")
    assert deck.book.events == ["12 labels by ana@host"]
    deck.helm.enter(1, "dpo")
    assert len(deck.book.events) == 1


def test_who_labels_for_hours_is_told_of_once_a_minute(deck: Deck) -> None:
    for _ in range(300):
        label(deck)
        deck.now += 1
        deck.helm.wait()
    assert sum(int(event.split()[0]) for event in deck.book.events) in range(290, 301)
    assert len(deck.book.events) <= 300 / LABELS_TOLD_S + 1


def test_a_label_that_was_taken_back_is_not_told(deck: Deck) -> None:
    label(deck)
    label(deck, "undo")
    deck.helm.progress(1, 10)
    deck.helm.become("stopped")
    assert deck.book.events == []


@pytest.mark.parametrize(("on", "words"), [(True, "kept out"), (False, "back in")])
def test_a_quarantine_is_an_event_each(deck: Deck, on: bool, words: str) -> None:
    number = deck.post.drop("quarantine", pair="3fa2b1c0d9e8", on=on, iteration=1)
    deck.helm.progress(1, 10)
    assert deck.book.settled[number][0]
    assert [words in event and "3fa2b1c0d9e8" in event for event in deck.book.events] == [True]


def test_opinions_are_taken_at_a_gate_and_in_a_pause(deck: Deck) -> None:
    deck.helm.at_gate = lambda command: None
    given = [label(deck), deck.post.drop("quarantine", pair="3fa2b1c0d9e8", on=True)]
    deck.helm.wait()
    deck.helm.at_gate = None
    deck.post.drop("pause")
    given_later: list[int] = []
    deck.on_sleep = lambda: (
        given_later.append(label(deck)) if not given_later else deck.post.drop("resume") if deck.now > 1001 else None
    )
    deck.helm.progress(1, 10)
    assert all(deck.book.settled[number][0] for number in given + given_later)


def test_more_commands_of_the_past_than_one_look_reads_do_not_hide_a_new_one(deck: Deck) -> None:
    for number in [label(deck) for _ in range(2500)]:
        deck.book.settled[number] = (True, "noted by another life")
    pause = deck.post.drop("stop")
    for _ in range(2):
        deck.helm.progress(1, 10)
    with pytest.raises(Stopped):
        deck.helm.progress(1, 10)
    assert deck.book.settled[pause][0]
