"""Charts from roll-ups show what charts from rows would, whatever came when, and whoever died in between."""

from __future__ import annotations

import math
import sqlite3
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from engine.store.rows import Series
from engine.store.schema import create_ledger

Told = list[tuple[int, dict[str, float]]]


@contextmanager
def fresh() -> Iterator[RunPaths]:
    with tempfile.TemporaryDirectory() as folder:
        paths = RunPaths(Path(folder))
        create_ledger(paths.ledger)
        yield paths


def tell(ledger: Ledger, rows: Told) -> None:
    for step, values in rows:
        ledger.record(0, step, 0.0, values)


def expected(rows: Told, name: str, level: int, lo: int, hi: int) -> list[tuple[float, float, float, float, int]]:
    """Brute force: (x, lo, hi, mean, missing) of each bucket of `level` steps that has rows."""
    buckets: dict[int, list[float]] = {}
    for step, values in rows:
        if name in values and lo <= step <= hi:
            buckets.setdefault(step // level, []).append(array("f", [values[name]])[0])
    out = []
    for bucket, found in sorted(buckets.items()):
        x = (max(bucket * level, lo) + min(bucket * level + level - 1, hi)) / 2
        known = [value for value in found if math.isfinite(value)]
        low, high, mean = (min(known), max(known), sum(known) / len(known)) if known else (math.nan,) * 3
        out.append((x, low, high, mean, len(found) - len(known)))
    return out


def same(series: Series, wanted: list[tuple[float, float, float, float, int]]) -> None:
    found = np.array([series.x, series.lo, series.hi, series.mean, series.missing]).T.reshape(-1, 5)
    np.testing.assert_allclose(found, np.array(wanted).reshape(-1, 5), rtol=1e-9, equal_nan=True)


values = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 1e39, 0.0]))
a_row = st.dictionaries(st.sampled_from(["loss", "kl", "memory/used"]), values, min_size=1)
strides = st.sampled_from([0, 1, 1, 1, 7, 63, 64, 500, -40, -3])


@given(st.lists(st.tuples(strides, a_row), min_size=1, max_size=120), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_chart_of_buckets_is_the_chart_of_rows(strode: list[tuple[int, dict[str, float]]], closed: bool) -> None:
    rows: Told = []
    for stride, told in strode:
        rows.append((max(1, (rows[-1][0] if rows else 0) + stride), told))
    with fresh() as paths, closing(Ledger.open(paths)) as ledger:
        tell(ledger, rows)
        with Reader(paths.ledger) as reader:
            for name in ("loss", "kl", "memory/used"):
                series = reader.series(name, columns=1)
                if series.level > 1:  # at level 1 a step shows its last row only
                    same(series, expected(rows, name, series.level, *reader.step_range()))


def test_a_dead_engine_s_rows_are_summed_again_once(paths: RunPaths) -> None:
    rows: Told = [(step, {"loss": float(step), "kl": math.nan}) for step in range(1, 200)]
    dead = Ledger.open(paths)
    tell(dead, rows)
    dead._db.close()  # no flush: as killed
    for more in (range(200, 210), range(210, 1000)):
        new: Told = [(step, {"loss": -1.0}) for step in more]
        rows += new
        with Ledger.open(paths) as ledger:
            tell(ledger, new)
    with Reader(paths.ledger) as reader, closing(sqlite3.connect(paths.ledger)) as db:
        for columns in (1, 3):
            series = reader.series("loss", columns=columns)
            assert series.level > 1
            same(series, expected(rows, "loss", series.level, 1, 999))
        for level in (64, 4096):
            assert db.execute("SELECT sum(n) FROM rollup WHERE metric = 1 AND level = ?", (level,)).fetchone() == (999,)
            assert db.execute("SELECT sum(nan_n) FROM rollup WHERE metric = 2 AND level = ?", (level,)).fetchone() == (
                199,
            )


def test_readings_at_one_step_do_not_pile_up_in_memory(paths: RunPaths) -> None:
    rows: Told = [(5, {"memory/used": float(i)}) for i in range(1000)]
    with Ledger.open(paths) as ledger, Reader(paths.ledger) as reader:
        tell(ledger, rows)
        with closing(sqlite3.connect(paths.ledger)) as db:
            assert db.execute("SELECT metric_id FROM rolled").fetchone()[0] >= 1000 - 256
        assert reader.series("memory/used").mean.tolist() == [999.0]
