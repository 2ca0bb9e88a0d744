"""What torch holds of the card, added to what the driver says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.records import Memory


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
    return replace(
        memory,
        allocated=stats.get("allocated_bytes.all.current", 0),
        reserved=stats.get("reserved_bytes.all.current", 0),
        peak=stats.get("allocated_bytes.all.peak", 0),
    )


def card_uuid(device: str, cuda: Any = None) -> str | None:
    """The UUID of torch's card, for `Sampler.prefer`; None off CUDA."""
    if not device.startswith("cuda"):
        return None
    return str((cuda or _torch_cuda()).get_device_properties(device).uuid)


def _torch_cuda() -> Any:
    import torch  # seconds to import, and a process that only reads must not pay for it

    return torch.cuda
