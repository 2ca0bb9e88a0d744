"""torch's own numbers beside the driver's, with a hand-written torch.cuda."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from engine.memory import torch_side
from engine.memory.torch_side import SHORT, Meter, card_uuid, with_torch
from engine.records import Memory

CARD = Memory("gpu", "RTX 4070", total=12_000, used=9_000, temperature=70.0, t=4.0)
HOST = Memory("host", "host memory", total=64_000, used=8_000, t=4.0)


STATS = {
    "allocated_bytes.all.current": 5_000,
    "reserved_bytes.all.current": 6_000,
    "allocated_bytes.all.peak": 5_500,
    "reserved_bytes.all.peak": 6_500,
}


class Cuda:
    """torch.cuda of a card that holds 7000 of 12000 bytes for others and us."""

    def __init__(self, stats: dict[str, int] = STATS) -> None:
        self._stats = stats

    def memory_stats(self, device: str) -> dict[str, int]:
        assert device == "cuda:1"
        return self._stats

    def mem_get_info(self, device: str) -> tuple[int, int]:
        assert device == "cuda:1"
        return 5_000, 12_000

    def get_device_name(self, device: str) -> str:
        assert device == "cuda:1"
        return "Radeon"

    def get_device_properties(self, device: str) -> SimpleNamespace:
        return SimpleNamespace(uuid=f"7d-{device}")


def test_torchs_numbers_join_the_drivers() -> None:
    merged = with_torch(CARD, "cuda:1", Cuda())
    assert (merged.allocated, merged.reserved, merged.peak) == (5_000, 6_000, 5_500)
    assert (merged.name, merged.total, merged.used, merged.temperature, merged.t) == ("RTX 4070", 12_000, 9_000, 70, 4)


def test_on_the_cpu_nothing_is_added() -> None:
    assert with_torch(HOST, "cpu", Cuda()) is HOST
    assert with_torch(CARD, "cpu", Cuda()) is CARD


def test_where_nvml_is_silent_torch_describes_its_card() -> None:
    merged = with_torch(HOST, "cuda:1", Cuda())
    assert (merged.source, merged.name, merged.total, merged.used) == ("gpu", "Radeon", 12_000, 7_000)
    assert (merged.allocated, merged.utilisation, merged.t) == (5_000, None, 4.0)


def test_before_torch_touched_the_card_it_holds_nothing() -> None:
    merged = with_torch(CARD, "cuda:1", Cuda({}))
    assert (merged.allocated, merged.reserved, merged.peak) == (0, 0, 0)


def test_the_uuid_of_torchs_card() -> None:
    assert card_uuid("cuda:1", Cuda()) == "7d-cuda:1"
    assert card_uuid("cpu") is None


def test_a_list_of_processes_without_ours_says_nothing_of_the_others() -> None:
    container = replace(CARD, own=None, others=8_000)
    assert with_torch(container, "cuda:1", Cuda()).others is None
    assert with_torch(container, "cuda:1", Cuda({})).others == 8_000
    assert with_torch(replace(CARD, own=6_500, others=1_000), "cuda:1", Cuda()).others == 1_000


def test_a_card_is_in_use_by_at_least_what_torch_reserved() -> None:
    lying = with_torch(replace(CARD, used=400), "cuda:1", Cuda())
    assert (lying.used, lying.doubt) == (6_000, SHORT)
    assert with_torch(CARD, "cuda:1", Cuda()).doubt == ""


class Counter(Cuda):
    """The same card with a peak counter that can be reset."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.peak = 5_000, 9_000

    def memory_allocated(self, device: str) -> int:
        return self.now

    def max_memory_allocated(self, device: str) -> int:
        return self.peak

    def max_memory_reserved(self, device: str) -> int:
        return self.peak + 1_000

    def reset_peak_memory_stats(self, device: str) -> None:
        self.peak = self.now


def test_a_peak_measured_anew_takes_nothing_from_the_runs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_side, "_peaks", {})
    monkeypatch.setattr(torch_side, "_stage", {})
    cuda = Counter()
    meter = Meter("cuda:1", cuda)
    assert meter.begin() == 5_000
    cuda.peak = 7_000
    assert (meter.peak(), meter.failures()) == (7_000, 0)
    assert with_torch(CARD, "cuda:1", cuda).peak == 9_000
