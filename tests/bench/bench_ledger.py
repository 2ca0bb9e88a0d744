"""The ledger as the training loop and the charts feel it: a row written, a million steps read, the file on the disk."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable

from engine.records import Memory, Pulse
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths, create_run
from engine.store.reader import Reader
from engine.store.status import status, summary
from tests.bench.table import Row, at_most
from tests.fixtures.long_run import write_long_run

NAME = "Ledger"
PACKAGES = ("numpy",)
ROWS, STEPS, METRICS, REPEATS = 20_000, 1_000_000, 20, 9


def measure(steps: int = STEPS) -> list[Row]:
    """All rows, in about half a minute."""
    with tempfile.TemporaryDirectory(prefix="pilothouse-bench-") as runs:
        os.environ["PILOTHOUSE_RUNS"] = runs
        return [*writing(create_run("short", "")), *reading(write_long_run("long", steps, METRICS), steps)]


def writing(paths: RunPaths) -> list[Row]:
    """Each call by itself, as the training loop makes them."""
    values = {f"metric/{i}": i / 7 for i in range(METRICS)}
    pulse = Pulse(time.time(), "running", 1, "dpo", 1, ROWS, memory=Memory("gpu", "card", 12 * 2**30, 9 * 2**30))
    with Ledger.open(paths) as ledger:
        ledger.begin_attempt("bench")
        ledger.open_iteration(0, None, {}, 0)
        rows = _each(lambda step: ledger.record(0, step, time.time(), values), ROWS)
        beats = _each(lambda _: ledger.beat(pulse), ROWS // 10)
        states = _each(lambda _: ledger.set_state("running"), 100)
    return [
        at_most(f"`record` of {METRICS} metrics, p50", _at(rows, 0.5), 50, "µs"),
        Row(f"`record` of {METRICS} metrics, p99 (one in 64 closes a bucket)", f"{_at(rows, 0.99):.0f} µs"),
        Row(f"`record` of {METRICS} metrics, mean", f"{sum(rows) / len(rows):.0f} µs"),
        Row("`beat`, p50", f"{_at(beats, 0.5):.0f} µs"),
        Row("`set_state`, on the disk when it returns, p50", f"{_at(states, 0.5):.0f} µs"),
    ]


def reading(paths: RunPaths, steps: int) -> list[Row]:
    """Charts of the whole run and of a window of it, the tail that is polled, and what `ls` and `status` read."""
    run, middle = f"{steps:,} steps × {METRICS} metrics", steps // 2
    with Reader(paths.ledger) as reader:
        names, last = reader.names(), reader.last_id()
        took = {
            "one chart of the whole run, 200 columns": lambda: reader.series(names[1], columns=200),
            "one chart of the whole run, 400 columns": lambda: reader.series(names[1], columns=400),
            "one chart of 1,000 steps": lambda: reader.series(names[1], middle, middle + 999),
            f"{METRICS} charts of the whole run, 200 columns": lambda: [reader.series(n, columns=200) for n in names],
            "an empty poll": lambda: reader.rows_since(last),
            "a poll of 100 new rows": lambda: reader.rows_since(last - 100),
            "`summary`": lambda: summary(paths),
            "`status`": lambda: status(paths),
        }
        rows = [Row(f"{run}: {what}", f"{_typical(call):.2f} ms") for what, call in took.items()]
    return [*rows, Row(f"{run}: run.db", f"{paths.ledger.stat().st_size / 1e6:.0f} MB")]


def _each(call: Callable[[int], object], times: int) -> list[float]:
    """Microseconds of each call, in ascending order."""
    took = []
    for number in range(1, times + 1):
        began = time.perf_counter()
        call(number)
        took.append(1e6 * (time.perf_counter() - began))
    return sorted(took)


def _typical(call: Callable[[], object]) -> float:
    """Milliseconds of the median call."""
    return _at(_each(lambda _: call(), REPEATS), 0.5) / 1000


def _at(ascending: list[float], share: float) -> float:
    return ascending[int(share * len(ascending))]


if __name__ == "__main__":
    from tests.bench.table import machine, render

    print(f"{machine(PACKAGES)}\n\n{render(measure())}")  # noqa: T201
