"""Labels and quarantines as they stand: the last word counts, an undo takes one back, and nonsense is left out."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from engine.errors import CorruptError
from engine.records import Label
from engine.store.control import Inbox, Outbox
from engine.store.ledger import Ledger
from engine.store.opinions import labels, quarantined
from engine.store.paths import RunPaths
from engine.store.reader import Reader

ONE, TWO = "3fa2b1c0d9e8", "aaaabbbbcccc"


def say(paths: RunPaths, pair: str, choice: str, who: str = "ana@lab", **more: Any) -> None:
    arg = {"pair": pair, "choice": choice, "first": "chosen", "iteration": 2}
    Outbox(paths, lambda: 7.0).send("label", arg | more, who)


def quarantine(paths: RunPaths, pair: str, on: Any, who: str = "ana@lab") -> None:
    Outbox(paths).send("quarantine", {"pair": pair, "on": on, "iteration": 2}, who)


def choices(paths: RunPaths) -> list[tuple[str, str, str]]:
    return [(label.pair, label.who, label.choice) for label in labels(paths)]


def test_a_label_comes_back_as_it_was_given(paths: RunPaths) -> None:
    say(paths, ONE, "2", first="rejected")
    assert labels(paths) == (Label(ONE, "2", "rejected", "ana@lab", 7.0, 2),)
    assert labels(paths)[0].agrees is True


def test_the_last_word_of_each_operator_on_each_pair_counts(paths: RunPaths) -> None:
    say(paths, ONE, "1")
    say(paths, ONE, "2", "ben@lab")
    say(paths, TWO, "bad")
    say(paths, ONE, "tie")
    assert choices(paths) == [(ONE, "ben@lab", "2"), (TWO, "ana@lab", "bad"), (ONE, "ana@lab", "tie")]


def test_undo_takes_back_ones_own_last_label_of_that_pair(paths: RunPaths) -> None:
    say(paths, ONE, "1")
    say(paths, ONE, "2", "ben@lab")
    say(paths, TWO, "1")
    say(paths, ONE, "undo")
    assert choices(paths) == [(ONE, "ben@lab", "2"), (TWO, "ana@lab", "1")]
    say(paths, ONE, "undo")  # nothing left to take back
    say(paths, ONE, "skip")
    assert (ONE, "ana@lab", "skip") in choices(paths)


def test_what_an_undo_uncovers_is_in_force_again(paths: RunPaths) -> None:
    for choice in ("1", "2", "undo"):
        say(paths, ONE, choice)
    assert choices(paths) == [(ONE, "ana@lab", "1")]


def test_a_quarantine_is_lifted_by_the_last_word_whoever_says_it(paths: RunPaths) -> None:
    quarantine(paths, ONE, True)
    quarantine(paths, TWO, True)
    assert quarantined(paths) == {ONE, TWO}
    quarantine(paths, ONE, False, "ben@lab")
    assert quarantined(paths) == {TWO}


@pytest.mark.parametrize(
    "broken",
    [{"choice": "3"}, {"choice": ["1"]}, {"first": "left"}, {"first": []}, {"pair": 7}, {"iteration": "two"}],
)
def test_a_label_that_makes_no_sense_is_left_out(paths: RunPaths, broken: dict[str, Any]) -> None:
    arg = {"pair": ONE, "choice": "1", "first": "chosen", "iteration": 2}
    Outbox(paths).send("label", arg | broken)
    quarantine(paths, ONE, "yes")
    say(paths, TWO, "1")
    assert [label.pair for label in labels(paths)] == [TWO]
    assert quarantined(paths) == frozenset()


def test_a_strangers_rows_are_cleaned_or_left_out(paths: RunPaths) -> None:
    with closing(sqlite3.connect(paths.control)) as db, db:
        row = "INSERT INTO command(uuid, kind, arg, who, why, t) VALUES(?, 'label', ?, ?, '', ?)"
        good = f'{{"pair": "{ONE}\\u001b]52;", "choice": "1", "first": "chosen", "iteration": 1}}'
        db.executemany(row, [("a", "{", "x", 1.0), ("b", "[]", "x", 1.0), ("c", good, "e\x1b[2Jve", 1.0)])
        db.execute(row, ("d", good, b"\xff", 1.0))
    [label] = labels(paths)
    assert (label.pair, label.who) == (f"{ONE}␛]52;", "e␛[2Jve")


def test_a_run_without_a_control_file_has_none(paths: RunPaths) -> None:
    paths.control.unlink()
    assert (labels(paths), quarantined(paths)) == ((), frozenset())
    assert not paths.control.exists()


def test_a_damaged_or_foreign_control_file_is_said(paths: RunPaths) -> None:
    with closing(sqlite3.connect(paths.control)) as db, db:
        db.execute("DROP TABLE command")
        db.execute("CREATE VIEW command AS SELECT 1 AS kind")
    with pytest.raises(CorruptError, match="table of commands"):
        labels(paths)
    paths.control.write_bytes(b"x" * 5000)
    with pytest.raises(CorruptError, match=r"control\.db"):
        quarantined(paths)


def test_what_a_killed_operator_left_half_written_is_no_opinion(paths: RunPaths) -> None:
    """A file and its journal in the middle of a commit, as a kill leaves them: the next look rolls it back."""
    say(paths, ONE, "1")
    half, journal = (paths.root / name for name in ("half.db", "half.db-journal"))
    with closing(sqlite3.connect(paths.control, isolation_level=None)) as db:
        db.execute("PRAGMA cache_spill=1")
        db.execute("PRAGMA cache_size=1")
        db.execute("BEGIN")
        for n in range(200):  # more than its cache holds, so that pages reach the file before the commit
            arg = f'{{"pair": "{n:012x}", "choice": "1", "first": "chosen", "iteration": 1, "pad": "{"x" * 2000}"}}'
            db.execute("INSERT INTO command(uuid, kind, arg, who, why, t) VALUES(?, 'label', ?, '', '', 1.0)", (n, arg))
        shutil.copy(paths.control, half)
        shutil.copy(f"{paths.control}-journal", journal)
    half.replace(paths.control)
    journal.replace(f"{paths.control}-journal")
    assert [label.pair for label in labels(paths)] == [ONE]


def test_looking_stands_in_nobodys_way(paths: RunPaths) -> None:
    inbox = Inbox(paths)
    for _ in range(3):
        say(paths, ONE, "1")
        labels(paths)
    assert len(inbox.pending()) == 3
    inbox.close()


def test_the_ledger_notes_many_labels_at_once_and_each_of_them_once(paths: RunPaths, ledger: Ledger) -> None:
    for _ in range(3):
        say(paths, ONE, "1")
    given = Inbox(paths).pending()
    ledger.note(given[:2], "noted")
    ledger.note(given, "noted")
    assert all(ledger.is_applied(command.id) for command in given)
    with Reader(paths.ledger) as reader:
        applied = [reader.applied(command.uuid) for command in given]
    assert [(one.ok, one.result, one.step) for one in applied if one] == [(True, "noted", None)] * 3
