"""An engine at a fixed pace: `python -m tests.bench.live_engine RUN_DIR ROWS_PER_SECOND`, until it is ended.

It holds the run's lock, beats, and records through the engine's own ledger, so the interface meets what it would meet;
it does not train, so that what is measured is the interface.
"""

from __future__ import annotations

import math
import random
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

from engine.memory.nvml import Sampler
from engine.records import Pulse
from engine.store.ledger import Ledger
from engine.store.lock import EngineLock
from engine.store.paths import RunPaths
from engine.store.reader import Reader

BEAT_S = 0.25  # as the real engine's


def run(paths: RunPaths, pace: float) -> None:
    """Go on with the newest iteration: `pace` rows a second of every metric that the run has."""
    with Reader(paths.ledger) as reader:
        names, last, iteration = reader.names(), reader.step_range()[1] or 0, reader.iterations()[-1].index
    chance, sampler = random.Random(0), Sampler().start()
    with EngineLock.acquire(paths), Ledger.open(paths) as ledger:
        ledger.begin_attempt(paths.config_sha())
        ledger.set_state("running")
        pulse = Pulse(0.0, "running", iteration, "dpo", last, 2 * last, eta_s=last / pace)
        start = time.monotonic()
        for step in count(last + 1):
            now = time.time()
            ledger.record(iteration, step, now, {name: _value(k, step, chance) for k, name in enumerate(names)})
            if now - pulse.t >= BEAT_S:
                pulse = replace(pulse, t=now, step=step, memory=sampler.latest()[0])
                ledger.beat(pulse)
            time.sleep(max(0.0, start + (step - last) / pace - time.monotonic()))


def _value(place: int, step: int, chance: random.Random) -> float:
    return place + math.exp(-step / 300_000) + 0.1 * math.sin(step / 37 + place) + chance.gauss(0, 0.02)


if __name__ == "__main__":
    run(RunPaths(Path(sys.argv[1])), float(sys.argv[2]))
