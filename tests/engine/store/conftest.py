"""A fresh run, its ledger on a clock of ours, and ways to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.ledger import Ledger
from engine.store.paths import RunPaths, create_run
from engine.store.reader import Reader
from tests.fixtures.recorded import Clock


@pytest.fixture
def paths(runs: Path) -> RunPaths:
    return create_run("tiny", "recipe: dpo\n")


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


@pytest.fixture
def ledger(paths: RunPaths, clock: Clock) -> Iterator[Ledger]:
    """A ledger in its first attempt, with iteration 0 open from step 0."""
    with Ledger.open(paths, clock) as opened:
        opened.begin_attempt("sha")
        opened.set_state("running")
        opened.open_iteration(0, None, {"beta": 0.1}, 0)
        yield opened


@pytest.fixture
def reader(ledger: Ledger, paths: RunPaths) -> Iterator[Reader]:
    with Reader(paths.ledger) as opened:
        yield opened
