"""One metric over the steps, read at the coarseness that a chart can show: rows, 64-step or 4096-step buckets."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.store.rollup import COARSE, FINE
from engine.store.rows import Series

if TYPE_CHECKING:
    from engine.store.rows import Floats, Ints

_RAW_POINTS = 4  # a column: rows are the dearest to read and the truest
_MAX_ROWS = 20_000
# Each in the order of the index that it is to use, else SQLite may scan a million rows for it.
_BETWEEN = "step BETWEEN ? AND ? AND {} ORDER BY step DESC, id DESC"
_AFTER = "id > ? AND +step BETWEEN ? AND ? AND {} ORDER BY id DESC"


@dataclass(frozen=True, slots=True)
class _Points:
    """Buckets in order of step; where `n` is 0 the rest means nothing."""

    bucket: Ints
    n: Ints
    lo: Floats
    hi: Floats
    total: Floats
    missing: Ints


def read_series(db: sqlite3.Connection, name: str, lo: int, hi: int, columns: int) -> Series:
    """`name` from step `lo` to `hi`, in `columns` / 2 to 4 × `columns` points."""
    span = hi - lo + 1
    if span <= _RAW_POINTS * columns:
        return _series(name, 1, _last_of_each_step(_read(db, name, _BETWEEN, (lo, hi))), lo, hi)
    # Half a point a column will do where fine buckets would take 10 ms to read.
    base = COARSE if 2 * span >= COARSE * columns else FINE
    level = base * max(1, span // (base * 2 * columns))
    rolled = _rolled(db, name, base, level, lo, hi)
    above = db.execute("SELECT metric_id FROM rolled").fetchone()[0]
    tail = _buckets(_read(db, name, _AFTER, (above, lo, hi)), level)
    return _series(name, level, _merge(rolled, tail), lo, hi)


def schemas_of(db: sqlite3.Connection, name: str) -> dict[int, tuple[int, int]]:
    """The schemas that hold `name`: id → (its place, how many names there are)."""
    found = {}
    for schema, text in db.execute("SELECT id, names FROM metric_schema").fetchall():
        names = json.loads(text)
        if name in names:
            found[schema] = (names.index(name), len(names))
    return found


def _read(db: sqlite3.Connection, name: str, where: str, values: tuple[int, ...]) -> tuple[Ints, Floats]:
    """The steps and values of metric rows, the newest row of a step first."""
    schemas = schemas_of(db, name)
    marks = ", ".join("?" * len(schemas))
    rows = db.execute(
        f"SELECT step, schema_id, v FROM metric WHERE {where.format(f'schema_id IN ({marks})')} LIMIT ?",
        (*values, *schemas, _MAX_ROWS),
    ).fetchall()
    steps = np.array([row[0] for row in rows], np.int64)
    kinds = np.array([row[1] for row in rows], np.int64)
    numbers = np.empty(len(rows))
    for schema, (place, width) in schemas.items():
        here = np.flatnonzero(kinds == schema)
        table = np.frombuffer(b"".join(rows[i][2] for i in here), "<f4").reshape(len(here), width)
        numbers[here] = table[:, place]
    return steps, numbers


def _last_of_each_step(rows: tuple[Ints, Floats]) -> _Points:
    """A step that was recorded twice (a replay after a resume) shows its last value."""
    steps, first = np.unique(rows[0], return_index=True)
    return _points(steps, rows[1][first])


def _buckets(rows: tuple[Ints, Floats], level: int) -> _Points:
    return _points(rows[0] // level, rows[1])


def _points(bucket: Ints, values: Floats) -> _Points:
    fine = np.isfinite(values)
    known = np.where(fine, values, 0.0)
    return _Points(bucket, fine.astype(np.int64), known, known, known, (~fine).astype(np.int64))


def _rolled(db: sqlite3.Connection, name: str, base: int, level: int, lo: int, hi: int) -> _Points:
    rows = db.execute(
        "SELECT bucket / ?, sum(n), coalesce(min(lo), 0), coalesce(max(hi), 0), sum(sum), sum(nan_n) FROM rollup"
        " WHERE level = ? AND metric = (SELECT id FROM metric_name WHERE name = ?) AND bucket BETWEEN ? AND ?"
        " GROUP BY 1 ORDER BY 1",
        (level // base, base, name, lo // base, hi // base),
    ).fetchall()
    table = np.array(rows, np.float64).reshape(len(rows), 6).T
    bucket, n, missing = (table[i].astype(np.int64) for i in (0, 1, 5))
    return _Points(bucket, n, table[2], table[3], table[4], missing)


def _merge(one: _Points, other: _Points) -> _Points:
    """Both sets of buckets as one, each bucket once, in order."""
    bucket, where = np.unique(np.concatenate([one.bucket, other.bucket]), return_inverse=True)
    n, lo, hi, total, missing = (
        np.concatenate([getattr(one, field), getattr(other, field)]) for field in ("n", "lo", "hi", "total", "missing")
    )
    low, high = np.full(len(bucket), np.inf), np.full(len(bucket), -np.inf)
    np.minimum.at(low, where[n > 0], lo[n > 0])
    np.maximum.at(high, where[n > 0], hi[n > 0])
    counts, holes, sums = np.zeros(len(bucket), np.int64), np.zeros(len(bucket), np.int64), np.zeros(len(bucket))
    np.add.at(counts, where, n)
    np.add.at(holes, where, missing)
    np.add.at(sums, where, total)
    return _Points(bucket, counts, low, high, sums, holes)


def _series(name: str, level: int, points: _Points, lo: int, hi: int) -> Series:
    start = np.maximum(points.bucket * level, lo)
    end = np.minimum(points.bucket * level + level - 1, hi)
    none = points.n == 0
    low, high = (np.where(none, np.nan, values) for values in (points.lo, points.hi))
    mean = np.where(none, np.nan, points.total / np.maximum(points.n, 1))
    return Series(name, level, (start + end) / 2, low, high, mean, points.missing)
