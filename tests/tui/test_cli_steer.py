"""`decide` and `control` against a recorded run: with the engine's own gate behind it, and with nobody there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from engine.config import load_config
from engine.gate import Gate
from engine.helm import Helm, Stopped
from engine.records import Decision
from engine.store.control import Inbox, Outbox
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from tests.fixtures.recorded import alive, write_run
from tui.cli import main

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def paths(runs: Path) -> RunPaths:
    """A run whose iteration 2 waits at its gate: the rules say to roll back to 1 with beta 0.2."""
    return write_run("awaiting_decision", "demo")


@contextmanager
def engine_at_gate(paths: RunPaths) -> Iterator[None]:
    """The engine's own gate and helm on this run, in a thread, until they have taken a decision."""
    ready = threading.Event()

    def serve() -> None:
        with Ledger.open(paths) as ledger, Reader(paths.ledger) as reader:
            ledger.begin_attempt("sha")
            helm = Helm(ledger, Inbox(paths), lambda: None)
            iterations = reader.iterations()
            ready.set()
            with suppress(Stopped):
                Gate(iterations[-1], iterations, load_config(paths.config), ledger, helm).wait(0.0)

    with alive(paths), ThreadPoolExecutor(1) as threads:
        served = threads.submit(serve)
        assert ready.wait(10)
        try:
            yield
        finally:
            Outbox(paths).send("stop")
            served.result(timeout=20)


def decision(paths: RunPaths) -> Decision:
    with Reader(paths.ledger) as reader:
        made = reader.iterations()[2].decision
    assert made is not None
    return made


def test_accept_takes_the_recommendation_and_says_what_it_did(paths: RunPaths, capsys: Printed) -> None:
    with engine_at_gate(paths):
        assert main(["decide", "demo", "accept", "--why", "it fell apart"]) == 0
    made = decision(paths)
    assert (made.action, made.to, made.why) == ("rollback", 1, "it fell apart")
    assert made.changes == {"beta": 0.2, "learning_rate": 2.5e-5, "max_steps": 42}
    assert made.who
    assert "Roll back to iteration 1" in capsys.readouterr().out


def test_settings_of_the_operator_replace_the_proposed_ones(paths: RunPaths) -> None:
    with engine_at_gate(paths):
        assert main(["decide", "demo", "retry", "--set", "beta=0.5", "--set", "training.learning_rate=2.5e-5"]) == 0
    made = decision(paths)
    assert (made.action, made.changes["beta"], made.edited) == ("retry", 0.5, ("beta",))


@pytest.mark.parametrize(("words", "action", "to"), [(["--to", "0"], "rollback", 0), ([], "rollback", 1)])
def test_rollback_goes_where_it_is_told_or_where_the_rules_say(
    paths: RunPaths, words: list[str], action: str, to: int
) -> None:
    with engine_at_gate(paths):
        assert main(["decide", "demo", "rollback", *words]) == 0
    assert (decision(paths).action, decision(paths).to) == (action, to)


def test_rollback_to_the_iteration_itself_keeps_it(paths: RunPaths) -> None:
    with engine_at_gate(paths):
        assert main(["decide", "demo", "rollback", "--to", "2"]) == 0
    assert decision(paths).action == "accept"


def test_the_second_operator_is_told_who_decided(paths: RunPaths, capsys: Printed) -> None:
    with engine_at_gate(paths):
        assert main(["decide", "demo", "finish"]) == 0
        assert main(["decide", "demo", "accept"]) == 2
    assert decision(paths).action == "finish"
    err = capsys.readouterr().err
    assert "already decided" in err
    assert decision(paths).who in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rollback", "--to", "7"], "no finished iteration 7"),
        (["accept", "--to", "1"], "--to belongs to rollback"),
        (["accept", "--set", "beta=7"], "beta = 7"),
        (["accept", "--set", "gamma=7"], "no such setting"),
        (["accept", "--set", "beta"], "not an assignment"),
        (["finish", "--set", "beta=0.2"], "ends the run"),
    ],
)
def test_a_decision_that_cannot_be_is_never_sent(paths: RunPaths, words: list[str], said: str, capsys: Printed) -> None:
    assert main(["decide", "demo", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert Inbox(paths).pending() == []


def test_without_an_engine_a_decision_is_kept_for_the_next_one(paths: RunPaths, capsys: Printed) -> None:
    assert main(["decide", "demo", "accept"]) == 0
    assert "pilothouse resume demo" in capsys.readouterr().out
    assert [command.arg["action"] for command in Inbox(paths).pending()] == ["rollback"]
    with engine_at_gate(paths):
        pass
    assert decision(paths).action == "rollback"


@pytest.mark.parametrize("state", ["running", "completed"])
def test_where_no_gate_is_open_nothing_can_be_decided(runs: Path, state: str, capsys: Printed) -> None:
    paths = write_run(state, "demo")  # type: ignore[arg-type]
    assert main(["decide", "demo", "accept"]) == 2
    assert "already decided" in capsys.readouterr().err
    assert Inbox(paths).pending() == []


def test_control_says_what_the_engine_did(paths: RunPaths, capsys: Printed) -> None:
    with engine_at_gate(paths):
        assert main(["control", "demo", "checkpoint"]) == 2
        assert "every finished stage is" in capsys.readouterr().err
        assert main(["control", "demo", "stop"]) == 0
        assert "stopping" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "max_steps=9"], "live: learning_rate, beta"),
        (["set", "learning_rate=-1"], "learning_rate = -1"),
        (["set"], "set needs KEY=VALUE"),
        (["pause", "beta=1"], "KEY=VALUE belongs to set"),
        (["pause"], "has no engine"),
    ],
)
def test_control_refuses_in_words(paths: RunPaths, words: list[str], said: str, capsys: Printed) -> None:
    assert main(["control", "demo", *words]) == 2
    assert said in capsys.readouterr().err
    assert Inbox(paths).pending() == []


def test_a_completed_run_takes_no_command(runs: Path, capsys: Printed) -> None:
    write_run("completed", "demo")
    assert main(["control", "demo", "set", "beta=0.3"]) == 2
    assert "is completed" in capsys.readouterr().err
