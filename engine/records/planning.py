"""What a run is going to need of a card, as the simulator found it. Every size is in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

GIB = 2**30

PARTS = (
    "weights",
    "adapters",
    "gradients",
    "optimizer",
    "checkpoints",
    "activations",
    "logits",
    "kv_cache",
    "reference",
    "heads",
    "other",
)
"""What a peak is made of, in the order in which it is shown."""


@dataclass(frozen=True, slots=True)
class StagePeak:
    """One stage's worst moment. `allocated` and `reserved` are what torch.cuda would report as its maxima.

    `capacity` is the least that torch may be given for the stage still to run: between the two, since torch gives
    cached blocks back before it fails. `parts` add up to `allocated`, each a name of `PARTS`; `at` names the moment.
    """

    stage: str
    allocated: int
    reserved: int
    capacity: int
    parts: Mapping[str, int] = field(default_factory=dict)
    at: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> StagePeak:
        return cls(**{f.name: raw[f.name] for f in fields(cls) if f.name in raw})


@dataclass(frozen=True, slots=True)
class Plan:
    """A run's stages, in order. `context` is what CUDA itself takes of the card, `workspaces` what cuBLAS does.

    `extrapolated` marks an answer from two and four layers; `seconds` is what it took to find. `key` is of the
    config's memory-relevant part and the libraries' `versions`; `assumed` says in words what the config left open.
    """

    model: str
    stages: tuple[StagePeak, ...]
    context: int = 0
    workspaces: int = 0
    extrapolated: bool = False
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    assumed: tuple[str, ...] = ()

    @property
    def peak(self) -> StagePeak:
        """The stage that decides which card will do: the one of largest capacity."""
        return max(self.stages, key=lambda stage: stage.capacity)

    @property
    def allocated(self) -> int:
        """What torch.cuda.max_memory_allocated() will say of the whole run."""
        return max(stage.allocated for stage in self.stages)

    @property
    def capacity(self) -> int:
        """The smallest card that runs it, with nothing else on it."""
        return self.peak.capacity + self.context + self.workspaces

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Plan:
        known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        known["stages"] = tuple(StagePeak.parse(stage) for stage in known["stages"])
        known["assumed"] = tuple(known.get("assumed", ()))
        return cls(**known)
