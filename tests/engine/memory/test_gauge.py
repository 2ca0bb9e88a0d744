"""The engine's gauge: whose card it reads, and that it is the CPU's until a model is on a card."""

from types import SimpleNamespace
from typing import cast

import pytest

from engine.memory import torch_side
from engine.memory.gauge import Gauge
from engine.memory.nvml import Sampler
from engine.records import Memory

CARD = Memory("gpu", "RTX 4070", total=12_000, used=9_000)
OTHER = Memory("gpu", "RTX 3060", total=12_000, used=100)


class Readings:
    """A sampler that has read one card."""

    def __init__(self) -> None:
        self.preferred: str | None = None

    def prefer(self, uuid: str | None) -> None:
        self.preferred = uuid

    def latest(self) -> tuple[Memory, ...]:
        return (CARD, OTHER)


def test_on_the_cpu_torch_is_not_asked() -> None:
    readings = Readings()
    gauge = Gauge(cast(Sampler, readings))
    gauge.train_on("cpu")
    assert gauge() is CARD
    assert gauge.beside() == (OTHER,)
    assert readings.preferred is None


def test_on_a_card_torchs_share_joins_and_its_card_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(
        memory_stats=lambda _: {"allocated_bytes.all.current": 5_000, "allocated_bytes.all.peak": 6_000},
        get_device_properties=lambda _: SimpleNamespace(uuid="7d-9"),
    )
    monkeypatch.setattr(torch_side, "_torch_cuda", lambda: cuda)
    readings = Readings()
    gauge = Gauge(cast(Sampler, readings))
    gauge.train_on("cuda:0")
    assert readings.preferred == "7d-9"
    assert (gauge().used, gauge().allocated, gauge().peak) == (9_000, 5_000, 6_000)
