"""Several simulators side by side: a plan's options are a dozen questions that do not wait for one another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import LifoQueue
from typing import TypeVar

from engine.config import RunConfig
from engine.memory.planning.run import Progress, Simulator
from engine.records import Plan

_MOST = 3
"""Each simulator holds some 0.7 GB of libraries."""
T = TypeVar("T")
R = TypeVar("R")


class Simulators:
    """Answers as one `Simulator` does, to as many threads at once as there are of them; the warm ones first."""

    def __init__(self, count: int | None = None, make: Callable[[], Simulator] = Simulator) -> None:
        self.count = count or max(1, min(_MOST, os.cpu_count() or 1))
        self._all = [make() for _ in range(self.count)]
        self._idle: LifoQueue[Simulator] = LifoQueue()
        for simulator in reversed(self._all):
            self._idle.put(simulator)

    def __enter__(self) -> Simulators:
        return self

    def __exit__(self, *_exc: object) -> None:
        for simulator in self._all:
            simulator.close()

    def simulate(self, config: RunConfig, *, quick: bool = False, progress: Progress | None = None) -> Plan:
        """As `Simulator.simulate`; waits for one that is idle."""
        simulator = self._idle.get()
        try:
            return simulator.simulate(config, quick=quick, progress=progress)
        finally:
            self._idle.put(simulator)


def side_by_side(ask: Callable[[T], R], questions: Iterable[T], at_once: int) -> Iterator[R]:
    """`map`, with `at_once` answers under way; the first that fails ends it, and nothing more is asked."""
    if at_once == 1:
        yield from map(ask, questions)
        return
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="simulator")
    try:
        yield from pool.map(ask, questions)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
