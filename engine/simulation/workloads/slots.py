"""Slots on a scene: adapters and heads under their parts of a plan, and a tracker that is told whose forward it is."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.slots import REWARD, Slots
from engine.simulation.scene import Scene, doing


class ToldSlots(Slots):
    """`reference` names the slot that KL is held to: it is no adapter of the plan's, but the reference."""

    def __init__(self, scene: Scene, *names: str, reference: str | None = None) -> None:
        self._tracker, self._reference = scene.tracker, reference
        super().__init__(scene.resident, *names)

    def add(self, name: str, seed: int = 0) -> None:
        with self._tracker.making("reference" if name == self._reference else "adapters"):
            super().add(name, seed)
        if name in self.heads:
            for parameter in self.heads[name].parameters():
                self._tracker.mark(parameter, "heads")

    def log_softmax(self, name: str | None, ids: Tensor, mask: Tensor, start: int) -> Tensor:
        self._enter("policy" if torch.is_grad_enabled() else "asking")
        return super().log_softmax(name, ids, mask, start)

    def values(self, ids: Tensor, mask: Tensor, start: int) -> Tensor:
        self._enter("value" if torch.is_grad_enabled() else "asking")
        return super().values(ids, mask, start)

    def scores(self, ids: Tensor, mask: Tensor, name: str = REWARD) -> Tensor:
        self._enter("forward" if torch.is_grad_enabled() else "rewards")
        return super().scores(ids, mask, name)

    def _enter(self, phase: str) -> None:
        self._tracker.at(phase, "start", f"{doing(phase)} the embeddings")


def ones(scene: Scene, rows: int, width: int) -> tuple[Tensor, Tensor]:
    """(ids, mask) of that shape, padded in one row where the scene is."""
    ids, mask = (torch.ones(rows, width, dtype=torch.long, device=scene.resident.device) for _ in range(2))
    if scene.tracker.padded:
        mask[-1, 0] = 0
    return ids, mask
