"""What a stage is given, and what a stage is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.config.schema import RunConfig
from engine.data.task import Task
from engine.evaluation.capability import Capability
from engine.helm import Helm
from engine.models.resident import Resident
from engine.records import DataStep
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths


@dataclass(frozen=True)
class Crew:
    """What stays aboard for a whole run: the model on the device, and what it works on."""

    resident: Resident
    task: Task
    capability: Capability = field(default_factory=Capability)


@dataclass(frozen=True)
class Job:
    """One iteration in the making. `config` has the iteration's own settings in its `training` section; `plan` is what
    the gate before it proposed to do about data.

    A stage reads what earlier stages left in `work`, leaves its own there, and returns what the ledger should remember.
    It can be called again after a kill at any point, and then gives the same.
    """

    index: int
    parent: int
    first_step: int
    config: RunConfig
    paths: RunPaths
    ledger: Ledger
    helm: Helm
    resident: Resident
    task: Task
    capability: Capability = field(default_factory=Capability)
    plan: tuple[DataStep, ...] = ()

    @property
    def work(self) -> Path:
        return self.paths.work(self.index)

    @property
    def parent_adapter(self) -> Path:
        return self.paths.iteration(self.parent) / "adapter"

    @property
    def seed(self) -> int:
        """Another seed for each iteration, the same for each attempt at it."""
        return self.config.training.seed * 1000 + self.index

    def say(self, kind: str, text: str, level: str = "info") -> None:
        self.ledger.event(kind, text, level, self.index, self.helm.step)


@dataclass(frozen=True)
class Stage:
    name: str
    run: Callable[[Job], dict[str, Any]]
