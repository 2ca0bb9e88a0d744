"""`control.db`: what operators ask of the engine. Many may write at once, and a repeat of a command is one command."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sqlite3
import time
import uuid as uuids
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from engine.errors import DecisionError, StoreError
from engine.store.database import sql_errors
from engine.store.iterations import cleaned
from engine.store.paths import RunPaths
from engine.store.rows import COMMANDS, Command, CommandKind
from engine.store.schema import APPLICATION_ID, VERSION, create_control
from engine.text import clean, one_line

_ARG_LIMIT = 64_000
_COLUMNS = "id, uuid, kind, arg, who, why, t"


def whoami() -> str:
    """The operator as `user@host`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's uid often has no name
        user = f"uid{os.getuid()}"
    return one_line(f"{user}@{socket.gethostname()}", 100)


def _connect(paths: RunPaths) -> sqlite3.Connection:
    """Read and write, even for who only reads: a killed operator's journal has to be rolled back by the next one."""
    uri = f"{paths.control.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(uri, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA synchronous=FULL")
    ours = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    if ours != [APPLICATION_ID, VERSION]:
        db.close()
        raise StoreError(f"{paths.control} is not of this Pilothouse", remedy="move it away; a new one is made")
    return db


class Outbox:
    """An operator's side. Each `send` opens and closes the file, so that no operator can keep it locked."""

    def __init__(self, paths: RunPaths, clock: Callable[[], float] = time.time) -> None:
        self._paths, self._clock = paths, clock

    def send(
        self,
        kind: CommandKind,
        arg: Mapping[str, Any] | None = None,
        who: str | None = None,
        why: str = "",
        uuid: str | None = None,
    ) -> Command:
        """Write a command down, durably, before this returns; with the `uuid` of an earlier one, return that one.

        Raises DecisionError for a command that does not exist or is too long, StoreError where it cannot be written.
        """
        text = json.dumps(cleaned(dict(arg or {})), ensure_ascii=False)
        if kind not in COMMANDS:
            raise DecisionError(f"{kind!r} is not a command that an engine takes", remedy=", ".join(sorted(COMMANDS)))
        if len(text) > _ARG_LIMIT:
            raise DecisionError(f"a {kind} command longer than {_ARG_LIMIT:,} characters is not sent")
        key = uuid or str(uuids.uuid4())
        row = (key, kind, text, one_line(who or whoami(), 100), clean(why, 2000), self._clock())
        with sql_errors(self._paths.control):
            if not self._paths.control.exists() and self._paths.root.is_dir():
                create_control(self._paths.control)
            with closing(_connect(self._paths)) as db:
                db.execute(
                    "INSERT INTO command(uuid, kind, arg, who, why, t) VALUES(?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT(uuid) DO NOTHING",
                    row,
                )
                found = db.execute(f"SELECT {_COLUMNS} FROM command WHERE uuid = ?", (key,)).fetchone()
        return _command(found)


class Inbox:
    """The engine's side: it reads, and never deletes. What became of a command is in `run.db`, in `applied`."""

    def __init__(self, paths: RunPaths) -> None:
        self._path = paths.control
        with sql_errors(self._path):
            if not paths.control.exists():
                create_control(paths.control)
            self._db = _connect(paths)

    def pending(self, after_id: int = 0, limit: int = 1000) -> list[Command]:
        """Commands with an id above `after_id`, in order. A starting engine asks from 0 and skips what is applied."""
        with sql_errors(self._path):
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM command WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit)
            ).fetchall()
        return [_command(row) for row in rows]

    def close(self) -> None:
        self._db.close()


def _command(row: tuple[Any, ...]) -> Command:
    id_, uuid, kind, arg, who, why, t = row
    try:
        parsed = json.loads(arg)
    except ValueError:
        parsed = None
    return Command(id_, uuid, kind, parsed if isinstance(parsed, dict) else {}, one_line(who, 100), clean(why, 2000), t)
