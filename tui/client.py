"""The operator's hands: start an engine, a process that outlives this one, and send it commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import DecisionError, StoreError
from engine.store.paths import RunPaths

if TYPE_CHECKING:
    from engine.records import Plan


def start_engine(paths: RunPaths) -> int:
    """Spawn a detached engine on a run, and return its process id; whether it can run it says in `engine.log`.

    A session of its own, no terminal, no inherited descriptors: neither a hang-up nor a closed pipe of ours reaches it.
    """
    try:
        with os.fdopen(os.open(paths.engine_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            engine = subprocess.Popen(
                [sys.executable, "-m", "engine", str(paths.root.resolve())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                close_fds=True,
                cwd=Path(__file__).resolve().parents[1],
            )
    except OSError as error:
        raise StoreError(f"the engine of {paths.name} cannot be started: {error}") from error
    engine.returncode = 0  # it is not ours to wait for: no zombie warning when this process forgets it
    return engine.pid


def begin(config: Path, name: str, plan: Plan | None = None) -> RunPaths:
    """A new run from a config, its plan beside it, its engine started. Raises ConfigError, UsageError, StoreError."""
    from engine.store.plans import write_plan
    from tui.commands.inputs import new_run

    paths = new_run(config, name)
    if plan is not None:
        write_plan(paths, plan)
    start_engine(paths)
    return paths


class Client:
    """Commands to one run's engine. A read-only client refuses all of them."""

    def __init__(self, paths: RunPaths, readonly: bool = False) -> None:
        self.paths, self.readonly = paths, readonly

    def send(self, kind: str, arg: Mapping[str, Any] | None = None, why: str = "") -> Any:
        """Write a command down, durably; returns the store's `Command`. Blocks for the disk: call it in a thread."""
        from engine.store.control import Outbox

        if self.readonly:
            raise DecisionError("this terminal only looks (--readonly)", remedy="attach without --readonly to steer")
        return Outbox(self.paths).send(kind, arg, why=why)  # type: ignore[arg-type]

    def resume(self) -> int:
        """A new engine for a run whose engine is gone."""
        from engine.errors import BusyError
        from engine.store.lock import liveness

        if self.readonly:
            raise DecisionError("this terminal only looks (--readonly)", remedy="attach without --readonly to steer")
        life = liveness(self.paths)
        if life.verdict != "dead":
            raise BusyError(f"{self.paths.name} has an engine: process {life.pid} on {life.host} ({life.verdict})")
        return start_engine(self.paths)

    def last_words(self, lines: int = 6) -> tuple[str, ...]:
        """The end of the engine's own log, for a run that ended badly."""
        from engine.text import one_line

        try:
            with self.paths.engine_log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 8192))
                text = log.read().decode("utf-8", "replace")
        except OSError:
            return ()
        return tuple(one_line(line) for line in text.splitlines() if line.strip())[-lines:]
