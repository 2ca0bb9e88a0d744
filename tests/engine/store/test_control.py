"""A command is written once, read in order, and never more than it should be."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from engine.errors import CorruptError, DecisionError, StoreError
from engine.store.control import Inbox, Outbox, whoami
from engine.store.paths import RunPaths


def test_a_command_arrives_as_it_was_sent(paths: RunPaths) -> None:
    sent = Outbox(paths, lambda: 5.0).send("set", {"learning_rate": 1e-4}, "ana@lab", "too\x1b[2J slow")
    assert (sent.id, sent.kind, sent.arg, sent.t, sent.why) == (1, "set", {"learning_rate": 1e-4}, 5.0, "too␛[2J slow")
    assert Inbox(paths).pending() == [sent]


def test_who_sends_is_known_unless_said(paths: RunPaths) -> None:
    assert Outbox(paths).send("pause").who == whoami()
    assert "@" in whoami()


def test_a_repeat_is_the_same_command(paths: RunPaths) -> None:
    outbox = Outbox(paths)
    first = outbox.send("stop", who="ana@lab", uuid="u")
    assert outbox.send("pause", who="ben@lab", uuid="u") == first
    assert Inbox(paths).pending() == [first]


def test_commands_come_in_order_and_from_where_one_was(paths: RunPaths) -> None:
    inbox = Inbox(paths)
    assert inbox.pending() == []
    sent = [Outbox(paths).send("pause") for _ in range(3)]
    assert inbox.pending() == sent
    assert inbox.pending(after_id=sent[0].id, limit=1) == [sent[1]]
    assert inbox.pending(sent[-1].id) == []
    inbox.close()


@pytest.mark.parametrize("kind", ["dance", "", "DECIDE"])
def test_what_no_engine_takes_is_not_sent(paths: RunPaths, kind: str) -> None:
    with pytest.raises(DecisionError, match="not a command") as caught:
        Outbox(paths).send(kind)  # type: ignore[arg-type]
    assert "decide" in caught.value.remedy
    assert Inbox(paths).pending() == []


def test_a_command_of_absurd_length_is_not_sent(paths: RunPaths) -> None:
    with pytest.raises(DecisionError, match="longer than"):
        Outbox(paths).send("set", {"beta": "9" * 100_000})


def test_a_lost_control_file_is_made_again(paths: RunPaths) -> None:
    paths.control.unlink()
    sent = Outbox(paths).send("pause")
    assert Inbox(paths).pending() == [sent]


def test_an_engine_without_a_control_file_makes_one(paths: RunPaths) -> None:
    paths.control.unlink()
    inbox = Inbox(paths)
    sent = Outbox(paths).send("pause")
    assert inbox.pending() == [sent]


def test_a_damaged_or_foreign_control_file_is_said(paths: RunPaths) -> None:
    with closing(sqlite3.connect(paths.control)) as db:
        db.execute("PRAGMA application_id=3")
    with pytest.raises(StoreError, match="not of this Pilothouse"):
        Outbox(paths).send("pause")
    paths.control.write_bytes(b"x" * 5000)
    with pytest.raises(CorruptError, match=r"control\.db"):
        Outbox(paths).send("pause")
    with pytest.raises(CorruptError, match=r"control\.db"):
        Inbox(paths)


def test_an_argument_that_is_no_object_reads_as_none(paths: RunPaths) -> None:
    with closing(sqlite3.connect(paths.control)) as db, db:
        for number, arg in enumerate(("[1]", "nonsense")):
            db.execute(
                "INSERT INTO command(uuid, kind, arg, who, why, t) VALUES(?, 'set', ?, 'x', '', 0)", (number, arg)
            )
    assert [command.arg for command in Inbox(paths).pending()] == [{}, {}]
