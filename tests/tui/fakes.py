"""A planner whose simulator is arithmetic, and whose answer a test may hold back."""

from __future__ import annotations

import threading

from engine.config import RunConfig
from engine.errors import PlanError
from engine.memory.planning.room import Room
from engine.records import Plan, StagePeak
from tui.planner import Planner

GIB = 2**30
ROOM = Room("RTX 4070", 12 * GIB, 12 * GIB, free=12 * GIB)


class Simulated:
    """6 GiB of weights, 1 GiB for each 1024 tokens of a batch, 1/8 GiB a rank of 8; half a GiB is CUDA's."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.asked: list[tuple[int, int, int]] = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, config: RunConfig) -> Plan:
        batch, length, rank = config.training.batch_size, config.training.max_length, config.model.lora_r
        self.asked.append((batch, length, rank))
        assert self.free.wait(60)
        if self.fault:
            raise PlanError(self.fault)
        parts = {"weights": 6 * GIB, "activations": GIB * batch * length // 1024, "adapters": GIB * rank // 64}
        held = sum(parts.values())
        stages = (
            StagePeak("evaluate", GIB, GIB, GIB),
            StagePeak("dpo", held, held, held, parts, "backward of layer 3"),
        )
        return Plan("some/model", stages, context=GIB // 2, key=f"{batch}-{length}-{rank}")


def planner(simulated: Simulated, room: Room | None = ROOM) -> Planner:
    return Planner(simulated, lambda _: (room, "" if room else "no NVIDIA card here"))
