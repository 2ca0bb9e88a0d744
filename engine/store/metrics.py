"""The hot path: one row of metrics, a float32 blob under the id of its set of names, and its share of the roll-ups."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.store.database import explain, transaction
from engine.store.rollup import Rollup
from engine.text import one_line

_INSERT = "INSERT INTO metric(attempt, iteration, step, t, schema_id, v) VALUES(?, ?, ?, ?, ?, ?)"
_Values = tuple[int | None, int, int, float, int, bytes]


@dataclass(slots=True)
class _Shape:
    """A set of names that rows come in: its schema id, its names' ids, and the last row that came in it."""

    id: int
    metrics: list[int]
    last_id: int = 0


class MetricWriter:
    """Writes rows through the ledger's connection. Costs tens of microseconds a row, a bucket's end some hundred."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db, self._path = db, path
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._rollup = Rollup()
        self._last_id = 0
        self._recover()

    def record(self, attempt: int | None, iteration: int, step: int, t: float, values: Mapping[str, float]) -> None:
        """One row at the run-wide `step`. Values beyond float32 become infinite. Raises NoSpaceError, StoreError."""
        names = tuple(values)
        shape = self._shapes.get(names) or self._new_shape(names)
        numbers = array("f", values.values())
        row = (attempt, iteration, step, t, shape.id, numbers.tobytes())
        self._last_id = self._insert_and_roll(row) if self._rollup.due(step) else self._insert(row)
        shape.last_id = self._last_id
        self._rollup.add(step, shape.metrics, numbers)

    def flush(self) -> None:
        """Write the open buckets, for a ledger that closes."""
        with transaction(self._db, self._path):
            self._roll()
        self._rollup.clear()

    def _insert(self, row: _Values) -> int:
        try:
            return self._db.execute(_INSERT, row).lastrowid or 0  # one statement is a transaction by itself
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def _insert_and_roll(self, row: _Values) -> int:
        with transaction(self._db, self._path):
            self._roll()
            row_id = self._insert(row)
        self._rollup.clear()
        return row_id

    def _roll(self) -> None:
        self._rollup.write(self._db)
        last = [(shape.last_id, shape.id) for shape in self._shapes.values() if shape.last_id]
        self._db.executemany("UPDATE metric_schema SET last_id = ? WHERE id = ?", last)
        self._db.execute("UPDATE rolled SET metric_id = ?", (self._last_id,))

    def _new_shape(self, names: tuple[str, ...]) -> _Shape:
        """The schema of a set of names not seen before, known to the ledger from now on."""
        clean = [one_line(name, 80) for name in names]
        text = json.dumps(clean, ensure_ascii=False)
        with transaction(self._db, self._path):
            self._db.execute("INSERT INTO metric_schema(names) VALUES(?) ON CONFLICT DO NOTHING", (text,))
            self._db.executemany(
                "INSERT INTO metric_name(name) VALUES(?) ON CONFLICT DO NOTHING", [(name,) for name in clean]
            )
            ids = dict(self._db.execute("SELECT name, id FROM metric_name").fetchall())
            row = self._db.execute("SELECT id, last_id FROM metric_schema WHERE names = ?", (text,)).fetchone()
        shape = self._shapes[names] = _Shape(row[0], [ids[name] for name in clean], row[1])
        return shape

    def _recover(self) -> None:
        """Sum the rows again that a dead engine had not rolled up."""
        rolled = self._db.execute("SELECT metric_id FROM rolled").fetchone()[0]
        rows = self._db.execute(
            "SELECT metric.id, step, names, v FROM metric JOIN metric_schema ON metric_schema.id = schema_id"
            " WHERE metric.id > ? ORDER BY metric.id",
            (rolled,),
        ).fetchall()
        self._last_id = rolled
        for row_id, step, text, blob in rows:
            names = tuple(json.loads(text))
            shape = self._shapes.get(names) or self._new_shape(names)
            self._rollup.add(step, shape.metrics, array("f", blob))
            self._last_id = shape.last_id = row_id
