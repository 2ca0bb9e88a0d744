"""The engine's own view of memory: the driver's reading of the card that it trains on, with torch's share of it."""

from __future__ import annotations

from engine.memory.nvml import Sampler
from engine.memory.torch_side import StageMeter, card_uuid, with_torch
from engine.records import Memory


class Gauge:
    """Reads memory without waiting. Until `train_on` says otherwise the engine is taken to be on the CPU."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler, self._device = sampler, "cpu"
        self._stage: StageMeter | None = None

    def train_on(self, device: str) -> None:
        """The torch device that the model is on, such as `cuda:0`."""
        self._device = device
        self._sampler.prefer(card_uuid(device))

    def begin_stage(self) -> None:
        """Peaks are a stage's own from here on."""
        self._stage = StageMeter(self._device) if self._device.startswith("cuda") else None

    def stage_peaks(self) -> dict[str, int] | None:
        """The most bytes that torch had `allocated` and `reserved` since the stage began; None off CUDA."""
        return self._stage.peaks() if self._stage else None

    def beside(self) -> tuple[Memory, ...]:
        """The machine's other cards."""
        return self._sampler.latest()[1:]

    def __call__(self) -> Memory:
        return with_torch(self._sampler.latest()[0], self._device)
