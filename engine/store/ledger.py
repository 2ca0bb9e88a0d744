"""The engine's side of `run.db`: its only writer, one process, one thread, for as long as it holds the engine's lock.

Decisions, checkpoints, iterations and states are on the disk when their call returns; metrics, events and heartbeats
may lose the last moments to a power cut, never to a kill. Every call raises NoSpaceError or StoreError as it fits, and
a call that raised changed nothing.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any

from engine.errors import DecisionError, NoSpaceError, StoreError
from engine.records import Assessment, Decision, Metric, Pulse, RunState, Settings, as_json
from engine.store.atomic import make_ballast, sweep
from engine.store.database import open_writer, sql_errors, transaction
from engine.store.iterations import cleaned
from engine.store.metrics import MetricWriter
from engine.store.paths import RunPaths
from engine.store.rows import APPLIED_COLUMNS, Applied, Command
from engine.store.schema import version
from engine.text import clean, one_line

REPLAYED = ("set", "gate")  # what changes the trajectory, so that a resume has to obey it again


class Ledger:
    def __init__(self, db: sqlite3.Connection, paths: RunPaths, clock: Callable[[], float]) -> None:
        self._db, self._paths, self._clock = db, paths, clock
        self._metrics = MetricWriter(db, paths.ledger)
        self._attempt: int | None = None

    @classmethod
    def open(cls, paths: RunPaths, clock: Callable[[], float] = time.time) -> Ledger:
        """Raises SchemaError, CorruptError, StoreError."""
        with sql_errors(paths.ledger):
            return cls(open_writer(paths.ledger), paths, clock)

    def close(self) -> None:
        with suppress(StoreError):  # a full disk: the next ledger sums the open buckets again
            self._metrics.flush()
        self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # ── attempts and states ──────────────────────────────────────────────────────────────────────────────────────

    def begin_attempt(self, config_sha: str, cards: int = 0) -> int:
        """A new engine's life on `cards` GPUs. One that ended without a word is closed at its last sign of life.

        What that left half-made is swept away, and the ballast for a full disk is set aside again.
        """
        _tidy(self._paths)
        with self._durably():
            self._db.execute(
                "UPDATE attempt SET outcome = 'lost', ended = max(started,"
                " coalesce((SELECT max(t) FROM state WHERE state.attempt = attempt.id), 0),"
                " coalesce((SELECT t FROM pulse WHERE pulse.attempt = attempt.id), 0)) WHERE ended IS NULL"
            )
            self._attempt = self._db.execute(
                "INSERT INTO attempt(started, host, pid, version, config_sha, cards) VALUES(?, ?, ?, ?, ?, ?)",
                (self._clock(), socket.gethostname(), os.getpid(), version(), config_sha, cards),
            ).lastrowid
        assert self._attempt is not None
        return self._attempt

    def end_attempt(self, outcome: str) -> None:
        """`outcome` in a word or a line: completed, stopped, or what failed."""
        row = (self._clock(), one_line(outcome, 500), self._attempt)
        self._run("UPDATE attempt SET ended = ?, outcome = ? WHERE id = ?", row, durable=True)

    def set_state(self, state: RunState, fault: str = "") -> None:
        row = (self._attempt, self._clock(), state, clean(fault, 10_000))
        self._run("INSERT INTO state(attempt, t, state, fault) VALUES(?, ?, ?, ?)", row, durable=True)

    def beat(self, pulse: Pulse) -> None:
        row = (self._attempt, pulse.t, _dump(pulse))
        self._run("INSERT OR REPLACE INTO pulse(one, attempt, t, body) VALUES(1, ?, ?, ?)", row)

    def conclude(self, best: int | None, summary: Mapping[str, Any]) -> None:
        """What the run came to. The state is set apart, when final/ is saved."""
        row = (self._clock(), best, _dump(summary))
        self._run("INSERT OR REPLACE INTO outcome(one, t, best, summary) VALUES(1, ?, ?, ?)", row, durable=True)

    # ── metrics and events ───────────────────────────────────────────────────────────────────────────────────────

    def record(self, iteration: int, step: int, t: float, values: Mapping[str, float]) -> None:
        """One row of any metrics at the run-wide `step`, with its roll-ups. Kept as float32; NaN stays NaN."""
        if values:
            self._metrics.record(self._attempt, iteration, step, t, values)

    def last_recorded_step(self, iteration: int) -> int | None:
        """The highest run-wide step that any attempt recorded in this iteration."""
        # From its first step on: else an iteration without rows would cost a look at all rows before it.
        first = "coalesce((SELECT first_step FROM iteration WHERE idx = ?1), 0)"
        query = f"SELECT step FROM metric WHERE iteration = ?1 AND step >= {first} ORDER BY step DESC LIMIT 1"
        step: int | None = self._value(query, (iteration,))
        return step

    def event(
        self, kind: str, text: str, level: str = "info", iteration: int | None = None, step: int | None = None
    ) -> None:
        row = (self._attempt, self._clock(), level, one_line(kind, 60), clean(text, 10_000), iteration, step)
        self._run("INSERT INTO event(attempt, t, level, kind, text, iteration, step) VALUES(?, ?, ?, ?, ?, ?, ?)", row)

    # ── iterations ───────────────────────────────────────────────────────────────────────────────────────────────

    def open_iteration(self, index: int, parent: int | None, config: Settings, first_step: int) -> None:
        """Raises StoreError where the index is taken: an iteration is never made again in place."""
        with self._durably():
            if self._value("SELECT 1 FROM iteration WHERE idx = ?", (index,)):
                raise StoreError(f"iteration {index} is already in {self._paths.ledger}")
            self._db.execute(
                "INSERT INTO iteration(idx, parent, status, config, first_step, started) VALUES(?, ?, ?, ?, ?, ?)",
                (index, parent, "running", _dump(config), first_step, self._clock()),
            )

    def close_iteration(
        self, index: int, metrics: Mapping[str, Metric], steps: int, train_s: float, config: Settings | None = None
    ) -> None:
        """The evaluation is in: status "evaluated". Per-item results are kept apart, for who asks for them.

        `config` replaces the iteration's where settings were changed live: it is what the training ended with.
        """
        whole = {name: as_json(metric) for name, metric in metrics.items()}
        items = {
            name: {key: raw.pop(key) for key in ("items", "categories")}
            for name, raw in whole.items()
            if raw["items"] is not None
        }
        settings = None if config is None else _dump(config)
        row = (_dump(whole), _dump(items), steps, train_s, self._clock(), settings, index)
        self._change_iteration(
            "UPDATE iteration SET status = 'evaluated', metrics = ?, items = ?, steps = ?, train_s = ?, ended = ?,"
            " config = coalesce(?, config) WHERE idx = ?",
            row,
        )

    def fail_iteration(self, index: int, fault: str) -> None:
        """Its training or evaluation failed. The steps that it took stay its own."""
        last = self.last_recorded_step(index)
        row = (clean(fault, 10_000), self._clock(), last, index)
        query = "status = 'failed', fault = ?, ended = ?, steps = max(0, coalesce(?, first_step) - first_step)"
        self._change_iteration(f"UPDATE iteration SET {query} WHERE idx = ?", row)

    def stage_done(self, index: int, stage: str, result: Mapping[str, Any]) -> None:
        """A stage whose result a resume may take over instead of running it again."""
        row = (index, stage, self._clock(), _dump(result))
        self._run("INSERT OR REPLACE INTO stage(iteration, stage, t, result) VALUES(?, ?, ?, ?)", row, durable=True)

    def stages(self, index: int) -> dict[str, dict[str, Any]]:
        query = "SELECT stage, result FROM stage WHERE iteration = ? ORDER BY t"
        return {stage: json.loads(result) for stage, result in self._rows(query, (index,))}

    def checkpoint(self, index: int, step: int, path_name: str, config_sha: str) -> None:
        """A checkpoint that is whole on the disk: call this after it was renamed into place. `step` is run-wide."""
        row = (index, step, path_name, config_sha, self._clock())
        query = "INSERT INTO checkpoint(iteration, step, path, config_sha, t) VALUES(?, ?, ?, ?, ?)"
        self._run(query, row, durable=True)

    def latest_checkpoint(self, index: int) -> tuple[int, str, str] | None:
        """(step, name, config sha) of the newest of an iteration."""
        query = "SELECT step, path, config_sha FROM checkpoint WHERE iteration = ? ORDER BY id DESC LIMIT 1"
        rows = self._rows(query, (index,))
        return rows[0] if rows else None

    # ── the gate and commands ────────────────────────────────────────────────────────────────────────────────────

    def open_gate(self, index: int, assessment: Assessment) -> None:
        """Open the gate, or while it is undecided renew what it says; `opened` stays the first time."""
        query = (
            "INSERT INTO gate(iteration, opened, assessment) VALUES(?, ?, ?)"
            " ON CONFLICT(iteration) DO UPDATE SET assessment = excluded.assessment WHERE decision IS NULL"
        )
        self._run(query, (index, self._clock(), _dump(assessment)), durable=True)

    def decide(self, index: int, decision: Decision, command: Command | None = None) -> bool:
        """Decide a gate exactly once: False, and the command on record as refused, where it was decided before.

        One transaction marks the command, closes the gate and the iteration, so that a kill leaves all or nothing.
        """
        with self._durably():
            if command is not None and self.is_applied(command.id):
                return False
            refusal = self._refusal(index)
            if not refusal:
                now = self._clock()
                self._db.execute(
                    "UPDATE gate SET decided = ?, decision = ? WHERE iteration = ?", (now, _dump(decision), index)
                )
                self._db.execute("UPDATE iteration SET status = 'decided' WHERE idx = ?", (index,))
            if command is not None:
                done = f"iteration {index}: {decision.action}"
                self._insert_applied(command, None, refusal or done, not refusal, index)
        return not refusal

    def apply(self, command: Command, step: int | None, result: str, ok: bool = True) -> bool:
        """Write down what became of a command; False where that is on record already.

        A `set` or `gate` binds to the run-wide step that it first acts on. Raises DecisionError where that step is on
        record: after a resume, a new command waits until the run is past everything that a dead attempt recorded.
        """
        with self._durably():
            if self.is_applied(command.id):
                return False
            iteration = self._value("SELECT max(idx) FROM iteration")
            if command.kind in REPLAYED and ok and step is not None and iteration is not None:
                self._refuse_recorded(step, iteration)
            self._insert_applied(command, step, result, ok, iteration)
        return True

    def note(self, commands: Iterable[Command], result: str) -> None:
        """Write down commands that change nothing here, such as labels: any number of them costs one transaction."""
        with self._durably():
            iteration = self._value("SELECT max(idx) FROM iteration")
            for command in commands:
                if not self.is_applied(command.id):
                    self._insert_applied(command, None, result, True, iteration)

    def is_applied(self, command_id: int) -> bool:
        return self._value("SELECT 1 FROM applied WHERE command_id = ?", (command_id,)) is not None

    def replayable(self, iteration: int, after_step: int) -> list[Applied]:
        """The `set` and `gate` commands bound above a checkpoint's step, for a resume to obey at the same steps."""
        query = (
            f"SELECT {APPLIED_COLUMNS} FROM applied WHERE kind IN (?, ?) AND ok AND iteration = ? AND step > ?"
            " ORDER BY step, command_id"
        )
        return [Applied.parse(row) for row in self._rows(query, (*REPLAYED, iteration, after_step))]

    # ── the connection ───────────────────────────────────────────────────────────────────────────────────────────

    def _refuse_recorded(self, step: int, iteration: int) -> None:
        last = self.last_recorded_step(iteration)
        if last is not None and step <= last:
            raise DecisionError(f"step {step} is on record already; a command binds above step {last}")

    def _refusal(self, index: int) -> str:
        gate = self._rows("SELECT decision FROM gate WHERE iteration = ?", (index,))
        if not gate:
            return f"iteration {index} is not at its gate"
        if gate[0][0] is None:
            return ""
        made = Decision.parse(json.loads(gate[0][0]))
        return f"iteration {index} was already decided: {made.action}" + (f" by {made.who}" if made.who else "")

    def _insert_applied(self, command: Command, step: int | None, result: str, ok: bool, index: int | None) -> None:
        row = (
            *(command.id, command.uuid, command.kind, _dump(command.arg), command.who, command.why),
            *(self._clock(), ok, clean(result, 2000), index, step, self._attempt),
        )
        self._db.execute(f"INSERT INTO applied({APPLIED_COLUMNS}) VALUES({', '.join('?' * len(row))})", row)

    def _change_iteration(self, query: str, row: tuple[Any, ...]) -> None:
        with self._durably():
            if self._db.execute(query, row).rowcount != 1:
                raise StoreError(f"iteration {row[-1]} is not in {self._paths.ledger}")

    def _durably(self) -> AbstractContextManager[None]:
        return transaction(self._db, self._paths.ledger, durable=True)

    def _run(self, query: str, row: tuple[Any, ...], *, durable: bool = False) -> None:
        if durable:
            with self._durably():
                self._db.execute(query, row)
            return
        with sql_errors(self._paths.ledger):
            self._db.execute(query, row)

    def _rows(self, query: str, row: tuple[Any, ...] = ()) -> list[Any]:
        with sql_errors(self._paths.ledger):
            return self._db.execute(query, row).fetchall()

    def _value(self, query: str, row: tuple[Any, ...] = ()) -> Any:
        rows = self._rows(query, row)
        return rows[0][0] if rows else None


def _tidy(paths: RunPaths) -> None:
    works = list(paths.iterations.glob(".work-*"))
    for folder in (paths.root, paths.iterations, *works, *(work / "checkpoints" for work in works)):
        sweep(folder)
    with suppress(NoSpaceError):  # the event that says so is still worth trying
        make_ballast(paths.ballast)


def _dump(value: Any) -> str:
    return json.dumps(cleaned(as_json(value)), ensure_ascii=False, separators=(",", ":"))
