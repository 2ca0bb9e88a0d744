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
    stay None where the engine trains on the CPU. `own` and `others` are what the driver charges to this process and to
    all others together. `throttle` names what slows the card, `doubt` says why the sizes may not be true, and
    `simulated` marks a stand-in library's card.
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
    own: int | None = None
    others: int | None = None
    throttle: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def headroom(self) -> int | None:
        """Bytes that are still free on the device."""
        return None if self.total is None or self.used is None else self.total - self.used

    @property
    def room(self) -> int | None:
        """Bytes by which torch's peak can still grow: what is free, and what torch reserved but its peak left unused.

        An upper bound, since reserved memory may lie in pieces that are too small.
        """
        if self.headroom is None:
            return None
        return self.headroom + max(0, (self.reserved or 0) - (self.peak or 0))

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Memory:
        known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        return cls(**{**known, "throttle": tuple(known.get("throttle", ()))})


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes that torch's peak will lie between once the training's longest batch, of `tokens` tokens, has been seen.

    `seen` is the longest batch so far. Once it is the longest of all the two ends are what was measured.
    """

    low: int
    high: int
    tokens: int
    seen: int

    @property
    def certain(self) -> bool:
        return self.seen >= self.tokens


@dataclass(frozen=True, slots=True)
class Pulse:
    """The engine's heartbeat, written by the training loop itself: where it is and how far it has to go.

    `step` of `max_steps` counts the stage's own units (optimizer steps, completions, prompts) named by `unit`.
    `promise_s` is how long the engine may take until its next beat: with its lock held and its promise broken it hangs.
    `memory` is of the engine's card, `cards` of the machine's others.
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
    cards: tuple[Memory, ...] = ()
    forecast: Forecast | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Pulse:
        """From plain JSON; keys of a newer Pilothouse are left out, and missing ones have their defaults."""
        known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        memory, forecast = known.get("memory"), known.get("forecast")
        known["memory"] = Memory.parse(memory) if memory else None
        known["cards"] = tuple(map(Memory.parse, known.get("cards", ())))
        known["forecast"] = Forecast(**forecast) if forecast else None
        return cls(**known)
