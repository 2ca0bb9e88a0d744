"""Follow a run until it ends, reading the panel's memory and nvidia-smi side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from engine.records import LIVE_STATES, Memory
from engine.store.lock import liveness
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from tests.gpu.smi import MIB, Card

POLL_S = 0.25
GRACE_S = 60.0
"""An engine imports torch before it takes its lock; after that, a lock that nobody holds is an engine that has died."""


@dataclass(frozen=True)
class Sample:
    """nvidia-smi's `used` in bytes, read some time between two moments."""

    before: float
    after: float
    used: int


@dataclass
class Watched:
    """What a run showed. Sizes are bytes."""

    panel: list[Memory] = field(default_factory=list)
    yardstick: list[Sample] = field(default_factory=list)
    steps_per_s: float = 0.0
    state: str = ""
    fault: str = ""

    @property
    def panel_peak(self) -> int | None:
        return max((memory.peak for memory in self.panel if memory.peak is not None), default=None)

    @property
    def errors(self) -> list[int]:
        return list(panel_errors(self.panel, self.yardstick))

    @property
    def error_text(self) -> str:
        errors = self.errors
        if not errors:
            return "not compared"
        return f"{statistics.median(errors) / MIB:.1f} / {max(errors) / MIB:.1f} (n {len(errors)})"


def panel_errors(panel: Sequence[Memory], yardstick: Sequence[Sample]) -> Iterator[int]:
    """How far each panel reading lies outside the two nvidia-smi readings around it, in bytes.

    The two programs never read at the same moment, and training moves memory between; a reading within the range of
    its neighbours is no error. Readings without a neighbour on each side are left out.
    """
    for memory in panel:
        earlier = [sample for sample in yardstick if sample.after <= memory.t]
        later = [sample for sample in yardstick if sample.before >= memory.t]
        if memory.used is None or not earlier or not later:
            continue
        low, high = sorted((earlier[-1].used, later[0].used))
        yield max(low - memory.used, memory.used - high, 0)


def watch(paths: RunPaths, read_card: Callable[[], Card] | None, limit_s: float) -> Watched:
    """Until the run ends, its engine dies, or `limit_s` is over. Without `read_card` only the panel is read."""
    seen, start = Watched(state="starting"), time.monotonic()
    with Reader(paths.ledger) as reader:
        while time.monotonic() < start + limit_s and seen.state in LIVE_STATES:
            dead = liveness(paths).verdict == "dead" and time.monotonic() > start + GRACE_S
            _note_panel(seen, reader)
            if read_card is not None:
                before = time.time()
                used = read_card().used
                seen.yardstick.append(Sample(before, time.time(), used))
            info = reader.state()
            seen.state, seen.fault = info.state, info.fault
            if dead and seen.state in LIVE_STATES:
                seen.state, seen.fault = "lost", f"see {paths.engine_log}"
            time.sleep(POLL_S)
        made = [i for i in reader.iterations() if i.index > 0 and i.train_s > 0]
    seen.steps_per_s = sum(i.steps for i in made) / max(sum(i.train_s for i in made), 1e-9)
    return seen


def _note_panel(seen: Watched, reader: Reader) -> None:
    pulse = reader.pulse()
    memory = pulse.memory if pulse else None
    if memory and (not seen.panel or memory.t > seen.panel[-1].t):
        seen.panel.append(memory)
