"""Real processes killed with -9, at every statement of a decision and in the middle of everything else."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing

import pytest

from engine.records import Assessment, Proposal, Verdict
from engine.store.control import Inbox, Outbox
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from tests.fixtures.processes import run

pytestmark = pytest.mark.slow

# Runs a piece of engine and kills itself at the n-th statement that SQLite is asked to run, counted from `begin`.
ENGINE = """
import os, signal, sys
from engine.records import Decision
from engine.store.control import Inbox
from engine.store.ledger import Ledger
from engine.store.paths import find_run

left = int(sys.argv[1])
def count(statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

paths = find_run("tiny")
ledger = Ledger.open(paths)
pending = [c for c in Inbox(paths).pending() if not ledger.is_applied(c.id)]
ledger._db.set_trace_callback(count)
for command in pending:
    ledger.decide(1, Decision(command.arg["action"], who=command.who), command)
print("done")
"""
OPERATOR = """
import os, signal, sqlite3, sys
from engine.store.paths import find_run
db = sqlite3.connect(find_run("tiny").control, isolation_level=None)
db.execute("PRAGMA cache_size=1")
db.execute("BEGIN IMMEDIATE")
for i in range(500):  # more than the cache holds: pages of an open transaction are in the file when it dies
    db.execute("INSERT INTO command(uuid, kind, arg, who, why, t) VALUES(?, 'stop', '{}', 'x', ?, 0)", (i, "y" * 900))
os.kill(os.getpid(), signal.SIGKILL)
"""
SENDERS = """
import sys
from engine.store.control import Outbox
from engine.store.paths import find_run
outbox = Outbox(find_run("tiny"))
for i in range(20):
    outbox.send("pause", {"n": i}, "op" + sys.argv[1])
    outbox.send("stop", uuid="the same for all")
"""


@pytest.fixture
def gate(paths: RunPaths) -> RunPaths:
    """A run at an open gate whose engine is gone, with two operators' decisions in its inbox."""
    with Ledger.open(paths) as ledger:
        ledger.open_iteration(0, None, {}, 0)
        ledger.open_iteration(1, 0, {}, 0)
        ledger.close_iteration(1, {}, 1, 1.0)
        ledger.open_gate(1, Assessment(1, (), Verdict("accept"), Proposal(1)))
    outbox = Outbox(paths)
    outbox.send("decide", {"action": "accept"}, "ana@lab")
    outbox.send("decide", {"action": "finish"}, "ben@lab")
    return paths


@pytest.mark.parametrize(
    "killed_at",
    [*range(1, 10), 13, 16],  # the first decision takes 9 statements, the refusal 7
)
def test_a_decision_is_all_there_or_not_at_all_and_made_once(gate: RunPaths, killed_at: int) -> None:
    assert run(ENGINE, str(killed_at)).returncode == -signal.SIGKILL
    with Reader(gate.ledger) as reader:
        decided = reader.iterations()[1].decision is not None
        assert decided == (reader.iterations()[1].status == "decided") == (_applied(gate)[:1] == [(1, 1)])
    assert run(ENGINE, "0").stdout == "done\n"
    with Reader(gate.ledger) as reader:
        decision = reader.iterations()[1].decision
        assert decision is not None
        assert (decision.action, decision.who) == ("accept", "ana@lab")
    assert _applied(gate) == [(1, 1), (2, 0)]


def _applied(paths: RunPaths) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(paths.ledger)) as db:
        return db.execute("SELECT command_id, ok FROM applied ORDER BY command_id").fetchall()


def test_an_operator_killed_in_mid_command_is_rolled_back(paths: RunPaths) -> None:
    kept = Outbox(paths).send("pause", who="ana@lab")
    inbox = Inbox(paths)
    assert run(OPERATOR).returncode == -signal.SIGKILL
    assert paths.control.with_name("control.db-journal").stat().st_size > 0
    assert inbox.pending() == [kept]
    assert Outbox(paths).send("resume", who="ben@lab").id == 2
    assert len(inbox.pending()) == 2


def test_several_operators_at_once_lose_no_command(paths: RunPaths) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda number: run(SENDERS, str(number)), range(3)))
    assert [process.returncode for process in done] == [0, 0, 0], [process.stderr for process in done]
    commands = Inbox(paths).pending()
    assert [command.id for command in commands] == sorted(command.id for command in commands)
    assert sorted((c.who, c.arg["n"]) for c in commands if c.kind == "pause") == [
        (f"op{number}", i) for number in range(3) for i in range(20)
    ]
    assert len([c for c in commands if c.kind == "stop"]) == 1
