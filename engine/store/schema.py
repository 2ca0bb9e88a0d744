"""The tables of `run.db` and `control.db`, how each file is created, and what its writer sets.

`run.db` has exactly one read-write connection, the engine's: SQLite 3.7.0 to 3.51.2 may lose a commit when two
connections write or checkpoint one WAL file (sqlite.org/wal.html, "WAL-reset bug"). `control.db` has many writers and
therefore a rollback journal. Both are created under another name and renamed, so that no reader meets half a file.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from pathlib import Path

APPLICATION_ID = 0x50494C54  # "PILT": tells our files from other SQLite databases
VERSION = 1

LEDGER = """
CREATE TABLE about(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE attempt(id INTEGER PRIMARY KEY, started REAL NOT NULL, ended REAL, outcome TEXT NOT NULL DEFAULT '',
    host TEXT NOT NULL, pid INTEGER NOT NULL, version TEXT NOT NULL, config_sha TEXT NOT NULL,
    cards INTEGER NOT NULL DEFAULT 0);
CREATE TABLE state(id INTEGER PRIMARY KEY, attempt INTEGER, t REAL NOT NULL, state TEXT NOT NULL,
    fault TEXT NOT NULL DEFAULT '');
CREATE TABLE pulse(one INTEGER PRIMARY KEY CHECK (one = 1), attempt INTEGER, t REAL NOT NULL, body TEXT NOT NULL);
CREATE TABLE outcome(one INTEGER PRIMARY KEY CHECK (one = 1), t REAL NOT NULL, best INTEGER, summary TEXT NOT NULL);

CREATE TABLE metric_name(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE metric_schema(id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE, last_id INTEGER NOT NULL DEFAULT 0);
CREATE TABLE metric(id INTEGER PRIMARY KEY, attempt INTEGER, iteration INTEGER NOT NULL, step INTEGER NOT NULL,
    t REAL NOT NULL, schema_id INTEGER NOT NULL REFERENCES metric_schema(id), v BLOB NOT NULL);
CREATE INDEX metric_step ON metric(step);
CREATE TABLE rollup(level INTEGER, metric INTEGER REFERENCES metric_name(id), bucket INTEGER, n INTEGER NOT NULL,
    lo REAL, hi REAL, sum REAL NOT NULL, nan_n INTEGER NOT NULL, PRIMARY KEY(level, metric, bucket)) WITHOUT ROWID;
CREATE TABLE rolled(one INTEGER PRIMARY KEY CHECK (one = 1), metric_id INTEGER NOT NULL);
INSERT INTO rolled VALUES(1, 0);

CREATE TABLE event(id INTEGER PRIMARY KEY, attempt INTEGER, t REAL NOT NULL, level TEXT NOT NULL, kind TEXT NOT NULL,
    text TEXT NOT NULL, iteration INTEGER, step INTEGER);
CREATE TABLE iteration(idx INTEGER PRIMARY KEY, parent INTEGER REFERENCES iteration(idx), status TEXT NOT NULL,
    config TEXT NOT NULL, fault TEXT NOT NULL DEFAULT '', first_step INTEGER NOT NULL, steps INTEGER NOT NULL DEFAULT 0,
    started REAL NOT NULL, ended REAL, train_s REAL NOT NULL DEFAULT 0, metrics TEXT NOT NULL DEFAULT '{}',
    items TEXT NOT NULL DEFAULT '{}');
CREATE TABLE stage(iteration INTEGER REFERENCES iteration(idx), stage TEXT, t REAL NOT NULL, result TEXT NOT NULL,
    PRIMARY KEY(iteration, stage)) WITHOUT ROWID;
CREATE TABLE checkpoint(id INTEGER PRIMARY KEY, iteration INTEGER NOT NULL REFERENCES iteration(idx),
    step INTEGER NOT NULL, path TEXT NOT NULL, config_sha TEXT NOT NULL, t REAL NOT NULL);
CREATE TABLE gate(iteration INTEGER PRIMARY KEY REFERENCES iteration(idx), opened REAL NOT NULL,
    assessment TEXT NOT NULL, decided REAL, decision TEXT);
CREATE TABLE applied(command_id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, arg TEXT NOT NULL,
    who TEXT NOT NULL, why TEXT NOT NULL, attempt INTEGER, iteration INTEGER, step INTEGER, t REAL NOT NULL,
    ok INTEGER NOT NULL, result TEXT NOT NULL);
"""

LEDGER_TABLES = tuple(re.findall(r"CREATE TABLE (\w+)", LEDGER))

CONTROL = """
CREATE TABLE command(id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    arg TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, t REAL NOT NULL);
"""


def version() -> str:
    """This Pilothouse's version. Found late: the package metadata costs milliseconds that a reader does not have."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pilothouse")
    except PackageNotFoundError:
        return "unknown"


def create_ledger(path: Path) -> None:
    about = [("written_by", version()), ("created", repr(time.time()))]
    _create(path, "WAL", LEDGER, [("INSERT INTO about VALUES(?, ?)", row) for row in about])


def create_control(path: Path) -> None:
    _create(path, "DELETE", CONTROL, [])


def _create(path: Path, journal: str, tables: str, rows: list[tuple[str, tuple[str, str]]]) -> None:
    staging = path.with_name(f".{path.name}.new-{os.getpid()}")
    staging.unlink(missing_ok=True)
    os.close(os.open(staging, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # -wal and -journal take its mode
    db = sqlite3.connect(staging, isolation_level=None)
    try:
        db.execute(f"PRAGMA journal_mode={journal}")
        db.executescript(f"BEGIN; PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION}; {tables}")
        for statement, values in rows:
            db.execute(statement, values)
        db.execute("COMMIT")
    finally:
        db.close()
    staging.rename(path)
