"""The interface as a person meets it: `pilothouse attach` in a terminal of 120×40, on a long run and on live ones."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from engine.store.paths import RunPaths, find_run
from engine.store.reader import Reader
from tests.bench.table import Row, at_most
from tests.bench.terminal import FRAME_END, Terminal
from tests.fixtures.long_run import write_long_run

NAME = "Interface"
PACKAGES = ("textual", "numpy")
LONG, METRICS = 1_000_000, 20
STARTS, KEYS, PACE, WATCH_S = 7, 200, 10.0, 20.0
CURVE_STEPS = 30  # a curve long enough for a cursor to move on


def measure(steps: int = LONG) -> list[Row]:
    """All rows, in about three minutes."""
    with tempfile.TemporaryDirectory(prefix="pilothouse-bench-") as runs:
        os.environ["PILOTHOUSE_RUNS"] = runs
        paths = write_long_run("long", steps, METRICS)
        return [*starts(paths, steps), *keys(), *at_pace(paths)]


def starts(paths: RunPaths, steps: int) -> list[Row]:
    """Until the first frame with the run's name, until the charts no longer change, and what the process then holds."""
    firsts, filled, sizes = [], [], []
    with attached(paths):
        pass  # once for the disk's cache and Python's compiled files
    for _ in range(STARTS):
        with attached(paths) as (terminal, first):
            firsts.append(first)
            filled.append(terminal.settle(lambda: terminal.screen.braille))
            if not terminal.screen.braille:
                raise RuntimeError(f"no chart was drawn:\n{terminal.screen.text}")
            sizes.append(terminal.pss_mb())
    run = f"{steps:,} steps × {METRICS} metrics"
    return [
        at_most(f"`attach`: first frame, median of {STARTS}", statistics.median(firsts), 0.6, "s"),
        at_most(f"{run}: charts filled, median of {STARTS}", statistics.median(filled), 1.0, "s"),
        at_most(f"{run}: UI process, proportional set size", max(sizes), 60, "MB"),
    ]


def keys() -> list[Row]:
    """From a key to the frame that answers it, while the demo's engine really trains."""
    with demo_training() as paths, attached(paths) as (terminal, _):
        terminal.settle(lambda: terminal.screen.braille, quiet=0.5, timeout=5)
        took = sorted(1000 * latency for latency in cursor_latencies(terminal, lambda: is_training(paths)))
    median, worst = statistics.median(took), took[int(0.99 * len(took))]
    return [
        Row("key to frame while the demo trains, p50", f"{median:.0f} ms"),
        at_most("key to frame while the demo trains, p99", worst, 60, "ms", f" (n {len(took)})"),
    ]


def cursor_latencies(terminal: Terminal, training: Callable[[], bool]) -> Iterator[float]:
    """Move the charts' cursor to and fro; only keys pressed while the engine trains count."""
    for key in ",,,":
        terminal.key(key)  # away from the right end, where the next move right would have nothing to draw
        terminal.watch(0.3)
    for index in range(KEYS):
        counts = training()
        pressed = terminal.now
        terminal.key(".,"[index % 2])
        shown = terminal.wait(lambda chunk: FRAME_END in chunk, timeout=5)
        if counts:
            yield shown - pressed
        terminal.watch(0.05 + 0.013 * (index % 7))  # not in step with the engine or the feed


def at_pace(paths: RunPaths) -> list[Row]:
    """What following a live run costs, once its charts stand."""
    engine = subprocess.Popen([sys.executable, "-m", "tests.bench.live_engine", str(paths.root), str(PACE)])
    try:
        with attached(paths) as (terminal, _):
            terminal.watch(3)
            cpu, sent = terminal.watch(WATCH_S)
    finally:
        engine.kill()
        engine.wait()
    live = f"live at {PACE:g} rows a second"
    return [
        at_most(f"{live}: share of a core", 100 * cpu, 5, "%"),
        at_most(f"{live}: to the terminal", sent / 1000, 5, "kB/s"),
    ]


@contextmanager
def attached(paths: RunPaths, options: Sequence[str] = ()) -> Iterator[tuple[Terminal, float]]:
    """A terminal with `pilothouse attach` on the run, and when its first frame was whole."""
    command = [sys.executable, "-m", "tui.cli", "attach", *options, str(paths.root.resolve())]
    with Terminal(command, os.environ) as terminal:
        yield terminal, terminal.wait(lambda chunk: FRAME_END in chunk and paths.name in terminal.screen.text)


@contextmanager
def demo_training() -> Iterator[RunPaths]:
    """The embedded demo, some steps into a long training; its engine is stopped at the end."""
    demo = [sys.executable, "-m", "tui.cli", "demo", "--no-attach", "--decide", "auto", "--name", "bench-demo"]
    subprocess.run([*demo, "--set", "max_steps=5000"], check=True, stdout=subprocess.DEVNULL)
    paths = find_run("bench-demo")
    try:
        end = time.monotonic() + 180
        while not is_training(paths):
            if time.monotonic() > end:
                raise RuntimeError("the demo did not begin to train within 180 s")
            time.sleep(0.2)
        yield paths
    finally:
        subprocess.run([sys.executable, "-m", "tui.cli", "control", "bench-demo", "stop"], stdout=subprocess.DEVNULL)


def is_training(paths: RunPaths) -> bool:
    with Reader(paths.ledger) as reader:
        pulse = reader.pulse()
        return pulse is not None and pulse.stage == "dpo" and pulse.step >= CURVE_STEPS
