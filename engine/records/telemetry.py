"""What the engine says of itself while it works: memory readings and the heartbeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from engine.records.words import RunState, Settings


@dataclass(frozen=True, slots=True)
class Memory:
    """One reading of the card, or of the host where there is none. Sizes are bytes; None is "the card does not say".

    `used` is the whole card's, other processes included; `allocated`, `reserved` and `peak` are torch's own, and
    stay None where the engine trains on the CPU. `simulated` marks a stand-in library's card.
    """

    source: Literal["gpu", "host"]
    name: str
    total: int | None = None
    used: int | None = None
    allocated: int | None = None
    reserved: int | None = None
    peak: int | None = None
    utilisation: float | None = None
    temperature: float | None = None
    power: float | None = None
    power_limit: float | None = None
    t: float = 0.0
    simulated: bool = False

    @property
    def headroom(self) -> int | None:
        """Bytes that are still free on the device."""
        return None if self.total is None or self.used is None else self.total - self.used

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Memory:
        return cls(**{f.name: raw[f.name] for f in fields(cls) if f.name in raw})


@dataclass(frozen=True, slots=True)
class Pulse:
    """The engine's heartbeat, written by the training loop itself: where it is and how far it has to go.

    `step` of `max_steps` counts the stage's own units (optimizer steps, completions, prompts) named by `unit`.
    `promise_s` is how long the engine may take until its next beat: with its lock held and its promise broken it hangs.
    """

    t: float
    state: RunState
    iteration: int = 0
    stage: str = ""
    step: int = 0
    max_steps: int = 0
    unit: str = "step"
    eta_s: float | None = None
    promise_s: float = 60.0
    memory: Memory | None = None
    in_force: Settings = field(default_factory=dict)
