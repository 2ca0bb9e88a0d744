"""Opening the two databases: ours to write, anyone's to read safely, and SQLite's errors in words.

A run directory may come from a stranger. Its file is opened read-only with `trusted_schema` off and `query_only`, every
name we use has to be an ordinary table, views and triggers are refused, and no query outlives its deadline.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.errors import CorruptError, NoSpaceError, SchemaError, StoreError
from engine.store import schema

DEADLINE_S = 5.0
_CELL_BYTES = 64 * 2**20  # no text or blob of ours comes near it
_WRITER = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA wal_autocheckpoint=1000",
    "PRAGMA journal_size_limit=16777216",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
)


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """What a SQLite error means for the person in front of the run."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return NoSpaceError(f"the disk is full: {path} could not be written", remedy="free some space, then resume")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return CorruptError(f"{path} is damaged: {error}", remedy="restore it from a copy, with its -wal file")
    if code == sqlite3.SQLITE_INTERRUPT:
        return StoreError(f"{path} took longer than {DEADLINE_S:g} s to read", remedy="is its disk slow, or remote?")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(f"{path} stays locked by another process", remedy="try again when that has ended")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
        return StoreError(f"{path} cannot be used: {error}", remedy="check the disk and who may read and write there")
    return CorruptError(f"{path} does not hold what it should: {error}")


@contextmanager
def sql_errors(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error


@contextmanager
def transaction(db: sqlite3.Connection, path: Path, *, durable: bool = False) -> Iterator[None]:
    """One transaction. A durable one is on the disk, not in its cache, when the block ends (and all before it too)."""
    with sql_errors(path):
        db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk may have rolled it back by itself
                db.execute("ROLLBACK")
            raise
        finally:
            db.execute("PRAGMA synchronous=NORMAL")


def open_writer(path: Path) -> sqlite3.Connection:
    """The engine's own connection to `run.db`, created where it is missing. Raises StoreError and its kinds."""
    with sql_errors(path):
        if not path.exists():
            schema.create_ledger(path)
        _refuse_empty(path)
        db = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        try:
            _check(db, path)
            for statement in _WRITER:
                db.execute(statement)
        except BaseException:
            db.close()
            raise
        return db


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection to a `run.db` that may be anyone's. Raises SchemaError, CorruptError, StoreError.

    Threads may share it one after another; two at once may not.
    """
    with sql_errors(path):
        _refuse_empty(path)
        db = _connect_read_only(path)
        try:
            _check(db, path)
        except BaseException:
            db.close()
            raise
        return db


def open_control_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection to a `control.db` that may be anyone's. Raises CorruptError, StoreError."""
    with sql_errors(path):
        _refuse_empty(path)
        db = _connect_control(path)
        try:
            if db.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
                raise CorruptError(f"{path} is a database, but not one that Pilothouse wrote")
            found = db.execute("SELECT type, sql FROM sqlite_master WHERE name = 'command'").fetchone()
            if found is None or not _is_plain_table(found[0], found[1] or ""):
                raise CorruptError(f"{path} does not have the table of commands", remedy="do not trust it")
        except BaseException:
            db.close()
            raise
        return db


def arm(db: sqlite3.Connection, seconds: float = DEADLINE_S) -> None:
    """Let queries on `db` run until so many seconds from now."""
    end = time.monotonic() + seconds
    db.set_progress_handler(lambda: time.monotonic() > end, 20_000)


def _refuse_empty(path: Path) -> None:
    # Never open() the file itself to look: closing it would drop this process's own locks on it (SQLite, howtocorrupt).
    try:
        size = path.stat().st_size
    except OSError as error:
        raise StoreError(f"{path} is not there", remedy="is this a run directory?") from error
    if size == 0:
        raise CorruptError(f"{path} is empty", remedy="restore it from a copy, with its -wal file")


def _connect_read_only(path: Path) -> sqlite3.Connection:
    try:
        return _guarded(path, "mode=ro")
    except sqlite3.OperationalError:
        with suppress(FileNotFoundError):
            if path.with_name(f"{path.name}-wal").stat().st_size:
                raise
        return _guarded(path, "immutable=1")  # a directory that we may not write has no room for the -shm file


def _connect_control(path: Path) -> sqlite3.Connection:
    """Never immutable: many write there. Rolling back what a killed operator left half-written takes a write."""
    try:
        return _guarded(path, "mode=ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        return _guarded(path, "mode=rw")


def _guarded(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{mode}"
    db = sqlite3.connect(uri, uri=True, timeout=2.0, isolation_level=None, check_same_thread=False)
    try:
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _CELL_BYTES)
        db.execute("PRAGMA trusted_schema=OFF")
        db.execute("PRAGMA query_only=ON")
        arm(db)
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the first read says whether it can be read at all
    except BaseException:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Is this a ledger, is it of our time, and is each table a table?"""
    if db.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
        raise CorruptError(f"{path} is a database, but not one that Pilothouse wrote")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > schema.VERSION:
        raise _newer(db, path, version)
    objects = {name: (kind, sql or "") for name, kind, sql in db.execute("SELECT name, type, sql FROM sqlite_master")}
    odd = [name for name, (kind, _) in objects.items() if kind not in ("table", "index")]
    odd += [name for name in schema.LEDGER_TABLES if not _is_plain_table(*objects.get(name, ("missing", "")))]
    if odd:
        raise CorruptError(
            f"{path} does not have the tables of a ledger: see {odd[0][:40]!r}", remedy="do not trust it"
        )


def _is_plain_table(kind: str, sql: str) -> bool:
    return kind == "table" and not sql.lstrip().upper().startswith("CREATE VIRTUAL")


def _newer(db: sqlite3.Connection, path: Path, version: int) -> SchemaError:
    writer = "a newer Pilothouse"
    with suppress(sqlite3.Error):
        found = db.execute("SELECT value FROM about WHERE key = 'written_by'").fetchone()
        writer = f"Pilothouse {str(found[0])[:40]}" if found else writer
    return SchemaError(
        f"{path} was written by {writer} (ledger version {version});"
        f" this is {schema.version()} (ledger version {schema.VERSION})",
        remedy=f"open it with {writer}, or upgrade this one: pip install -U pilothouse",
    )
