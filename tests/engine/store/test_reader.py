"""Reading beside a writer, after its death, and what a stranger or a bad disk may have made of the file."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import CorruptError, SchemaError, StoreError
from engine.store.database import DEADLINE_S, arm, open_reader
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from tests.fixtures.processes import run
from tests.fixtures.recorded import write_run

KILLED = """
import os, signal, sys
from engine.store.ledger import Ledger
from engine.store.paths import find_run
ledger = Ledger.open(find_run(sys.argv[1]))
ledger.begin_attempt("sha")
ledger.set_state("running")
ledger.open_iteration(0, None, {}, 0)
for step in range(1, 101):
    ledger.record(0, step, 0.0, {"loss": float(step)})
os.kill(os.getpid(), signal.SIGKILL)
"""
AS_NOBODY = """
import os, sys
from pathlib import Path
from engine.store.reader import Reader
os.setgid(65534)
os.setuid(65534)
with Reader(Path(sys.argv[1])) as reader:
    print(reader.state().state, reader.step_range())
"""


def damaged(paths: RunPaths, *statements: str) -> None:
    """What a stranger's hand did to a ledger at rest."""
    with closing(sqlite3.connect(paths.ledger, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def test_a_reader_sees_what_was_written_since_it_opened(ledger: Ledger, reader: Reader) -> None:
    assert reader.last_id() == 0
    ledger.record(0, 1, 0.0, {"loss": 1.0})
    assert [row.step for row in reader.rows_since(0)] == [1]


def test_a_reader_does_not_keep_the_log_from_being_reset(ledger: Ledger, reader: Reader, paths: RunPaths) -> None:
    wal = paths.ledger.with_name("run.db-wal")
    for step in range(1, 6000):
        ledger.record(0, step, 0.0, {f"m{i}": 1.0 for i in range(20)})
        if step % 500 == 0:
            reader.rows_since(step - 500)
            reader.series("m1", columns=10)
    assert wal.stat().st_size < 8 * 2**20


def test_every_row_is_there_after_the_writer_was_killed(paths: RunPaths) -> None:
    assert run(KILLED, "tiny").returncode == -signal.SIGKILL
    with Reader(paths.ledger) as reader:
        assert reader.step_range() == (1, 100)
        assert reader.series("loss", columns=1).missing.sum() == 0
        assert reader.latest() == {"loss": 100.0}
        assert reader.state().state == "running"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_a_run_in_a_directory_that_one_may_not_write_can_be_read(paths: RunPaths) -> None:
    shutil.copytree(paths.root, shown := Path(f"/tmp/pilothouse-shown-{os.getpid()}"))
    try:
        shown.chmod(0o755)
        (shown / "run.db").chmod(0o644)
        done = run(AS_NOBODY, str(shown / "run.db"))
    finally:
        shutil.rmtree(shown)
    assert done.stdout.split() == ["starting", "(0,", "0)"], done.stderr


def _garbage(paths: RunPaths) -> None:
    paths.ledger.write_bytes(b"\x00garbage" * 4096)


def _empty(paths: RunPaths) -> None:
    paths.ledger.write_bytes(b"")


def _torn_pages(paths: RunPaths) -> None:
    size = paths.ledger.stat().st_size
    with paths.ledger.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def _half(paths: RunPaths) -> None:
    os.truncate(paths.ledger, 6000)


def _view(paths: RunPaths) -> None:
    damaged(paths, "DROP TABLE event", "CREATE VIEW event AS SELECT 1 AS id")


def _extra_view(paths: RunPaths) -> None:
    damaged(paths, "CREATE VIEW harmless AS SELECT load_extension('x')")


def _trigger(paths: RunPaths) -> None:
    damaged(paths, "CREATE TRIGGER sly AFTER INSERT ON event BEGIN DELETE FROM gate; END")


def _virtual(paths: RunPaths) -> None:
    damaged(paths, "DROP TABLE event", "CREATE VIRTUAL TABLE event USING fts5(text)")


def _missing_table(paths: RunPaths) -> None:
    damaged(paths, "DROP TABLE rollup")


def _another_program_s(paths: RunPaths) -> None:
    damaged(paths, "PRAGMA application_id=7")


def _missing(paths: RunPaths) -> None:
    paths.ledger.unlink()


def _directory(paths: RunPaths) -> None:
    paths.ledger.unlink()
    paths.ledger.mkdir()


BAD = [
    (_garbage, CorruptError, "is damaged|not one that"),
    (_empty, CorruptError, "is empty"),
    (_torn_pages, StoreError, "damaged|does not hold"),
    (_half, StoreError, "damaged|does not hold"),
    (_view, CorruptError, "'event'"),
    (_extra_view, CorruptError, "'harmless'"),
    (_trigger, CorruptError, "'sly'"),
    (_virtual, CorruptError, "'event"),
    (_missing_table, CorruptError, "'rollup'"),
    (_another_program_s, CorruptError, "not one that Pilothouse wrote"),
    (_missing, StoreError, "is not there"),
    (_directory, StoreError, "cannot be used"),
]


@pytest.mark.parametrize(("spoil", "error", "words"), BAD)
def test_a_file_that_is_no_ledger_is_refused_in_words(
    paths: RunPaths, spoil: Callable[[RunPaths], None], error: type[StoreError], words: str
) -> None:
    spoil(paths)
    with pytest.raises(error, match=words) as caught, Reader(paths.ledger) as reader:
        reader.state()
    assert "run.db" in caught.value.message


def test_a_newer_ledger_names_its_writer_and_the_way_out(paths: RunPaths) -> None:
    damaged(paths, "PRAGMA user_version=7", "UPDATE about SET value = '3.1' WHERE key = 'written_by'")
    with pytest.raises(SchemaError, match=r"written by Pilothouse 3\.1 \(ledger version 7\)") as caught:
        Reader(paths.ledger)
    assert "upgrade" in caught.value.remedy


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("UPDATE gate SET assessment = '[]'", Reader.gate),
        ("UPDATE gate SET assessment = '{\"index\": 1}'", Reader.gate),
        ("UPDATE iteration SET metrics = '{\"x\": 3}'", Reader.iterations),
        ("UPDATE iteration SET config = 'no json'", Reader.iterations),
        ("UPDATE pulse SET body = '{\"t\": 1}'", Reader.pulse),
        ("UPDATE pulse SET body = json_set(body, '$.eta_s', 'soon')", Reader.pulse),
        ("UPDATE pulse SET body = replace(hex(zeroblob(50000)), '00', '[')", Reader.pulse),
        ("UPDATE iteration SET steps = 'many'", Reader.iterations),
        ('UPDATE iteration SET metrics = \'{"x": {"name": "x", "value": "9"}}\'', Reader.iterations),
        ("UPDATE state SET state = 'flying'", Reader.state),
        ("UPDATE metric_schema SET names = '[1, 2]' WHERE id = 2", Reader.latest),
        ("UPDATE metric SET v = x'00'", Reader.latest),
        ("UPDATE metric SET v = x'00'", lambda reader: reader.series("loss", columns=1000)),
        ("UPDATE event SET text = x'ff'", Reader.events),
        ("UPDATE iteration SET parent = 'x', started = 'y', metrics = '{}', config = x'ff'", Reader.iterations),
    ],
)
def test_a_row_that_makes_no_sense_is_damage_and_never_a_traceback(
    runs: Path, statement: str, read: Callable[[Reader], object]
) -> None:
    assert not runs.exists()
    paths = write_run("awaiting_decision", steps=20)
    damaged(paths, "PRAGMA foreign_keys=OFF", statement)
    with Reader(paths.ledger) as reader, pytest.raises(CorruptError, match=r"run\.db"):
        read(reader)


def test_text_is_cleaned_on_the_way_out_too(runs: Path) -> None:
    assert not runs.exists()
    paths = write_run("awaiting_decision", steps=20)
    damaged(
        paths,
        "UPDATE event SET text = char(27) || ']52;c;x' || char(7), kind = char(155) || 'k'",
        "UPDATE metric_name SET name = 'a' || char(27) || '[2J' WHERE id = 1",
        'UPDATE gate SET decision = \'{"action": "accept", "who": "\\u001b[2J"}\' WHERE iteration = 1',
        "UPDATE event SET text = CAST(x'ff41' AS TEXT) WHERE id = 1",
    )
    with Reader(paths.ledger) as reader:
        shown = [*(event.text + event.kind for event in reader.events()), *reader.names()]
        decision = reader.iterations()[1].decision
    assert decision is not None
    assert decision.who == "␛[2J"
    assert shown[0].startswith("\N{REPLACEMENT CHARACTER}A")
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for text in shown for char in text)


def test_nothing_can_be_written_through_a_reader(paths: RunPaths) -> None:
    with closing(open_reader(paths.ledger)) as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM about")


def test_a_query_without_end_meets_its_deadline(paths: RunPaths) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
    with closing(open_reader(paths.ledger)) as db:
        arm(db, 0.05)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            db.execute(endless).fetchall()
        arm(db)
        assert db.execute("SELECT 1").fetchone() == (1,)
    assert DEADLINE_S > 1
