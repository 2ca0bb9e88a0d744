"""The run as recorded, for everyone but the engine: read-only, never in the engine's way, also when that is dead.

Every query fetches all and is bounded, because an open cursor keeps the engine's log from being reset. A file may be a
stranger's: rows that make no sense raise CorruptError, text is cleaned again on the way out.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, get_args

from engine.errors import CorruptError
from engine.records import Assessment, Decision, Event, Iteration, Metric, Pulse, RunState, Split
from engine.store.charge import Interval, intervals_of
from engine.store.database import arm, open_reader, sql_errors
from engine.store.iterations import cleaned
from engine.store.rows import APPLIED_COLUMNS, Applied, Attempt, Gate, Row, RunInfo, Series
from engine.text import clean

MAX_ITERATIONS = 10_000
_NONSENSE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)


class Reader:
    """Opens `run.db` at `path`. Raises SchemaError, CorruptError, StoreError, at opening and at every call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_reader(path)
        self._names: dict[int, list[str]] = {}

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────

    def state(self) -> RunInfo:
        with self._reading("state"):
            about = dict(self._rows("SELECT key, value FROM about LIMIT 100"))
            created = float(about.get("created", 0))
            state = self._rows("SELECT state, fault, t FROM state ORDER BY id DESC LIMIT 1")
            outcome = self._rows("SELECT best, summary FROM outcome")
            attempts = self._rows("SELECT count(*) FROM attempt")[0][0]
            name: RunState
            name, fault, since = state[0] if state else ("starting", "", created)
            if name not in get_args(RunState):
                raise ValueError(f"no such state: {name!r}")
            best, summary = (outcome[0][0], _load(outcome[0][1])) if outcome else (None, None)
            written_by = clean(about.get("written_by", ""), 40)
            return RunInfo(name, clean(fault), since, attempts, created, best, summary, written_by)

    def pulse(self) -> Pulse | None:
        with self._reading("pulse"):
            rows = self._rows("SELECT body FROM pulse")
            if not rows:
                return None
            pulse = Pulse.parse(_load(rows[0][0]))
            _check_numbers(pulse.t, pulse.step, pulse.max_steps, pulse.eta_s, pulse.promise_s)
            return pulse

    def attempts(self) -> tuple[Attempt, ...]:
        with self._reading("attempt"):
            columns = "id, started, ended, outcome, host, pid, version, config_sha, cards"
            return tuple(Attempt(*row) for row in self._rows(f"SELECT {columns} FROM attempt ORDER BY id LIMIT 10000"))

    def charged(self) -> tuple[Interval, ...]:
        """When the run was at work: what its budget is charged for. Waiting, pauses and death are not in it."""
        with self._reading("state"):
            states = self._rows(
                "SELECT attempt, t, state FROM state WHERE attempt IS NOT NULL ORDER BY id LIMIT 100000"
            )
            pulse = self._rows("SELECT attempt, t FROM pulse")
            return intervals_of(states, self.attempts(), pulse[0] if pulse else None)

    # ── iterations and gates ─────────────────────────────────────────────────────────────────────────────────────

    def iterations(self, items: bool = False) -> tuple[Iteration, ...]:
        """All of them, in order of index; with the per-item results of their metrics only where asked for."""
        columns = "idx, parent, status, config, metrics, fault, first_step, steps, started, ended, train_s"
        split = (
            "(SELECT json_extract(result, '$.split') FROM stage WHERE stage.iteration = idx AND stage.stage = 'dpo')"
        )
        stages = (
            "(SELECT json_group_object(stage, seconds) FROM (SELECT stage, json_extract(result, '$.seconds') AS seconds"
            " FROM stage WHERE stage.iteration = idx ORDER BY t))"
        )
        query = f"SELECT {columns}, assessment, decision, {split}, {stages}{', items' if items else ''} FROM iteration"
        with self._reading("iteration"):
            rows = self._rows(f"{query} LEFT JOIN gate ON iteration = idx ORDER BY idx LIMIT {MAX_ITERATIONS}")
            return tuple(_iteration(row) for row in rows)

    def judging(self) -> dict[str, dict[str, float]]:
        """What each judge spent in all finished stages, by its name: calls, tokens, cost, seconds."""
        total: dict[str, dict[str, float]] = {}
        with self._reading("stage"):
            for (result,) in self._rows("SELECT result FROM stage ORDER BY t LIMIT 100000"):
                for name, spent in _load(result).get("judging", {}).items():
                    _check_numbers(*spent.values())
                    mine = total.setdefault(name, {})
                    mine.update({key: mine.get(key, 0) + value for key, value in spent.items()})
        return total

    def gate(self) -> Gate | None:
        """The newest gate, decided or not."""
        with self._reading("gate"):
            query = "SELECT iteration, opened, assessment, decision FROM gate ORDER BY iteration DESC LIMIT 1"
            for index, opened, assessment, decision in self._rows(query):
                made = Decision.parse(_load(decision)) if decision else None
                return Gate(index, opened, Assessment.parse(_load(assessment)), made)
            return None

    # ── metrics ──────────────────────────────────────────────────────────────────────────────────────────────────

    def names(self) -> list[str]:
        """Of all recorded metrics, in the order in which they first came."""
        with self._reading("metric_name"):
            return [clean(name, 80) for (name,) in self._rows("SELECT name FROM metric_name ORDER BY id LIMIT 1000")]

    def last_id(self) -> int:
        """The newest row's id: read it, then `series`, then follow with `rows_since`, and nothing is missed."""
        with self._reading("metric"):
            return int(self._rows("SELECT coalesce(max(id), 0) FROM metric")[0][0])

    def rows_since(self, id: int, limit: int = 5000) -> list[Row]:  # noqa: A002
        """Up to `limit` rows after the one with this id, the oldest first."""
        with self._reading("metric"):
            query = "SELECT id, iteration, step, t, schema_id, v FROM metric WHERE id > ? ORDER BY id LIMIT ?"
            return [self._row(row) for row in self._rows(query, (id, limit))]

    def recent(self, name: str, limit: int = 600) -> list[tuple[float, float]]:
        """The last readings of a metric as (unix seconds, value), for charts over time such as memory's."""
        from engine.store.series import schemas_of

        with self._reading("metric"):
            schemas = schemas_of(self._db, name)
            marks = ", ".join("?" * len(schemas))
            query = f"SELECT t, schema_id, v FROM metric WHERE schema_id IN ({marks}) ORDER BY id DESC LIMIT ?"
            rows = self._rows(query, (*schemas, limit))
            return [(t, array("f", blob)[schemas[schema][0]]) for t, schema, blob in reversed(rows)]

    def latest(self) -> dict[str, float]:
        """The last value of every metric."""
        with self._reading("metric"):
            ids = [row[0] for row in self._rows("SELECT last_id FROM metric_schema WHERE last_id > 0")]
            above = self._rows("SELECT metric_id FROM rolled")[0][0]
            marks = ", ".join("?" * len(ids))
            columns = "SELECT id, iteration, step, t, schema_id, v FROM metric"
            found = self._rows(f"{columns} WHERE id IN ({marks}) ORDER BY id", tuple(ids))
            found += self._rows(f"{columns} WHERE id > ? ORDER BY id LIMIT 5000", (above,))
            rows = [self._row(row) for row in found]
            return {name: value for row in rows for name, value in row.values.items()}

    def series(self, name: str, lo: int | None = None, hi: int | None = None, columns: int = 400) -> Series:
        """`name` from step `lo` to step `hi` (default: all), coarse enough for a chart of so many columns."""
        from engine.store.series import read_series  # numpy, after the first frame

        with self._reading("rollup"):
            first, last = self.step_range()
            span = (first if lo is None else lo, last if hi is None else hi)
            return read_series(self._db, name, max(0, span[0]), max(0, *span), max(1, columns))

    def step_range(self) -> tuple[int, int]:
        """The first and the last run-wide step with metrics; (0, 0) where there are none."""
        with self._reading("metric"):  # two queries: each is one look at an index, together they would be a scan
            first, last = (self._rows(f"SELECT {which}(step) FROM metric")[0][0] for which in ("min", "max"))
            return (first or 0, last or 0)

    # ── events and commands ──────────────────────────────────────────────────────────────────────────────────────

    def events(self, after: int = 0, limit: int = 500) -> list[Event]:
        """The newest `limit` events (after 0), or the next ones after an id; the oldest first."""
        order = "ORDER BY id" if after else "ORDER BY id DESC"
        query = f"SELECT id, t, level, kind, text, iteration, step FROM event WHERE id > ? {order} LIMIT ?"
        with self._reading("event"):
            found = [
                Event(id_, t, clean(level, 20), clean(kind, 60), clean(text), iteration, step)
                for id_, t, level, kind, text, iteration, step in self._rows(query, (after, limit))
            ]
            return found if after else found[::-1]

    def applied(self, uuid: str) -> Applied | None:
        """What became of a command; None while the engine has not come to it."""
        with self._reading("applied"):
            rows = self._rows(f"SELECT {APPLIED_COLUMNS} FROM applied WHERE uuid = ?", (uuid,))
            return Applied.parse(rows[0]) if rows else None

    # ── the connection ───────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _reading(self, table: str) -> Iterator[None]:
        try:
            with sql_errors(self._path):
                yield
        except _NONSENSE as error:
            raise CorruptError(f"{self._path}: a row of {table!r} makes no sense ({error})"[:300]) from error

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        arm(self._db)
        return self._db.execute(query, values).fetchall()

    def _row(self, row: tuple[Any, ...]) -> Row:
        id_, iteration, step, t, schema, blob = row
        if schema not in self._names:
            text = self._rows("SELECT names FROM metric_schema WHERE id = ?", (schema,))[0][0]
            self._names[schema] = [clean(name, 80) for name in json.loads(text)]
        return Row(id_, iteration, step, t, dict(zip(self._names[schema], array("f", blob), strict=True)))


def _iteration(row: tuple[Any, ...]) -> Iteration:
    index, parent, status, config, metrics, fault, first_step, steps, started, ended, train_s = row[:11]
    assessment, decision, split, stages, *rest = row[11:]
    items = _load(rest[0]) if rest else {}
    measured = {name: Metric.parse({**raw, **items.get(name, {})}) for name, raw in _load(metrics).items()}
    _check_numbers(parent, first_step, steps, started, ended, train_s)
    for metric in measured.values():
        _check_numbers(metric.value, metric.n, metric.low, metric.high)
    made = Decision.parse(_load(decision)) if decision else None
    found = Iteration(index, parent, clean(status, 20), _load(config), measured, made, clean(fault), first_step, steps)
    said = Assessment.parse(_load(assessment)) if assessment else None
    cut = Split.parse(_load(split)) if split else None
    seconds = {name: each for name, each in _load(stages).items() if each is not None}
    _check_numbers(*seconds.values())
    return replace(found, started=started, ended=ended, train_s=train_s, assessment=said, split=cut, stages=seconds)


def _check_numbers(*values: object) -> None:
    """SQLite and JSON hold anything anywhere; the screens format these as numbers."""
    for value in values:
        if value is not None and not isinstance(value, int | float):
            raise TypeError(f"{str(value)[:40]!r} is not a number")


def _load(text: str) -> Any:
    """JSON with its strings cleaned. A record's JSON is an object."""
    value = cleaned(json.loads(text))
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, found {text[:40]!r}")
    return value
