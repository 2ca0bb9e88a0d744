"""Summaries of metrics over 64 and 4096 run-wide steps, so that a chart of a million steps reads a few hundred rows.

Summing in memory and writing a bucket when the run leaves it costs 1/64 of an upsert a row. `rolled.metric_id` names
the last metric row that the written buckets include: after a crash the rows above it are summed again, and a reader
adds them itself. Values that are not finite are counted, never summed.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence

FINE, COARSE = LEVELS = (64, 4096)
_MAX_ROWS = 256  # rows of one step (memory readings while no step is taken) must not pile up

_MERGE = """
INSERT INTO rollup(level, metric, bucket, n, lo, hi, sum, nan_n) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(level, metric, bucket) DO UPDATE SET n = n + excluded.n, sum = sum + excluded.sum,
    nan_n = nan_n + excluded.nan_n,
    lo = min(coalesce(lo, excluded.lo), coalesce(excluded.lo, lo)),
    hi = max(coalesce(hi, excluded.hi), coalesce(excluded.hi, hi))
"""


class Rollup:
    """The buckets that are not written yet."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], list[float]] = {}  # (bucket, metric) → n, lo, hi, sum, nan_n
        self._rows = 0
        self._bucket: int | None = None

    def due(self, step: int) -> bool:
        """Does a row at `step` have to wait until `write` has made room for it?"""
        return (self._bucket is not None and step // FINE != self._bucket) or self._rows >= _MAX_ROWS

    def add(self, step: int, metrics: Sequence[int], values: Iterable[float]) -> None:
        bucket = self._bucket = step // FINE
        self._rows += 1
        for metric, value in zip(metrics, values, strict=True):
            cell = self._cells.get((bucket, metric))
            if cell is None:
                cell = self._cells[bucket, metric] = [0, math.inf, -math.inf, 0.0, 0]
            if math.isfinite(value):
                cell[0] += 1
                cell[3] += value
                if value < cell[1]:
                    cell[1] = value
                if value > cell[2]:
                    cell[2] = value
            else:
                cell[4] += 1

    def write(self, db: sqlite3.Connection) -> None:
        """Merge what is summed into the table; `clear` it when the transaction around this call has gone through."""
        for level in LEVELS:
            rows = [
                (level, metric, bucket * FINE // level, n, lo if n else None, hi if n else None, total, nan_n)
                for (bucket, metric), (n, lo, hi, total, nan_n) in self._cells.items()
            ]
            db.executemany(_MERGE, rows)

    def clear(self) -> None:
        self._cells.clear()
        self._rows, self._bucket = 0, None
