"""What torch holds of the card, added to what the driver says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.records import Memory

SHORT = "the driver sees less of the card in use than torch holds of it"
_peaks: dict[str, int] = {}
"""The highest peak by device before torch's counter was last reset: the counter is the process's, and so is this."""
_stage: dict[str, tuple[int, int]] = {}
"""The same of the stage that runs now: (allocated, reserved)."""


def with_torch(memory: Memory, device: str, cuda: Any = None) -> Memory:
    """`memory` with torch's allocated, reserved and peak allocated bytes on `device`; as it is off CUDA.

    Where NVML does not answer but torch trains on a card (ROCm, WSL, a container without the library), the card is
    described by torch alone: its name, size and what is taken of it. `cuda` is torch.cuda unless a test says otherwise.
    """
    if not device.startswith("cuda"):
        return memory
    cuda = cuda or _torch_cuda()
    stats = cuda.memory_stats(device)
    if memory.source == "host":
        free, total = cuda.mem_get_info(device)
        memory = Memory("gpu", cuda.get_device_name(device), total, total - free, t=memory.t)
    return _consistent(
        replace(
            memory,
            allocated=stats.get("allocated_bytes.all.current", 0),
            reserved=stats.get("reserved_bytes.all.current", 0),
            peak=max(stats.get("allocated_bytes.all.peak", 0), _peaks.get(device, 0)),
        )
    )


def _consistent(memory: Memory) -> Memory:
    """The driver's words, as far as torch's own numbers bear them out.

    A list of processes that misses ours is of another process namespace (a container), where ours counts among the
    others; and no card is in use by less than what torch has reserved of it, whatever WSL says.
    """
    if memory.reserved and memory.own is None:
        memory = replace(memory, others=None)
    if memory.used is not None and memory.used < (memory.reserved or 0):
        memory = replace(memory, used=memory.reserved, doubt=memory.doubt or SHORT)
    return memory


class StageMeter:
    """A stage's peaks on a CUDA device, of whatever is measured inside it; the run's own stays what it is."""

    def __init__(self, device: str, cuda: Any = None) -> None:
        self._device, self._cuda = device, cuda or _torch_cuda()
        _fold(self._device, self._cuda)
        _stage[self._device] = (0, 0)

    def peaks(self) -> dict[str, int]:
        """The most bytes that torch had allocated and reserved since the stage began."""
        _fold(self._device, self._cuda)
        allocated, reserved = _stage[self._device]
        return {"allocated": allocated, "reserved": reserved}


def run_peak(device: str, cuda: Any = None) -> int:
    """The most bytes that torch had allocated since the process began, however often its counter was reset."""
    cuda = cuda or _torch_cuda()
    return max(int(cuda.max_memory_allocated(device)), _peaks.get(device, 0))


def _fold(device: str, cuda: Any) -> None:
    """Start torch's counters anew, what they had found kept for the run and for the stage."""
    allocated, reserved = int(cuda.max_memory_allocated(device)), int(cuda.max_memory_reserved(device))
    before = _stage.get(device, (0, 0))
    _peaks[device] = max(_peaks.get(device, 0), allocated)
    _stage[device] = (max(before[0], allocated), max(before[1], reserved))
    cuda.reset_peak_memory_stats(device)


class Meter:
    """Peaks of single pieces of work on a CUDA device; the run's own, which `with_torch` shows, stays what it is."""

    def __init__(self, device: str, cuda: Any = None) -> None:
        self._device, self._cuda = device, cuda or _torch_cuda()

    def begin(self) -> int:
        """Measure from here on; returns the bytes allocated now."""
        _fold(self._device, self._cuda)
        return int(self._cuda.memory_allocated(self._device))

    def peak(self) -> int:
        """The most that was allocated since `begin`, in bytes."""
        return int(self._cuda.max_memory_allocated(self._device))

    def failures(self) -> int:
        """How often torch has run out of memory on the device."""
        return int(self._cuda.memory_stats(self._device).get("num_ooms", 0))


def card_uuid(device: str, cuda: Any = None) -> str | None:
    """The UUID of torch's card, for `Sampler.prefer`; None off CUDA."""
    if not device.startswith("cuda"):
        return None
    return str((cuda or _torch_cuda()).get_device_properties(device).uuid)


def _torch_cuda() -> Any:
    import torch  # seconds to import, and a process that only reads must not pay for it

    return torch.cuda
