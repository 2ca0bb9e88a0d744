"""What NVML's raw answers mean: who holds how much of a card, and what slows it down. Pure."""

from __future__ import annotations

from collections.abc import Iterable

# NVML's clock event reasons (nvml.h, nvmlClocksEventReasons). The others, such as an idle card's, slow down nobody.
_POWER_CAP, _SLOWDOWN, _SOFT_HEAT, _HEAT, _BRAKE = 0x4, 0x8, 0x20, 0x40, 0x80
POWER_CAP, HEAT, HOT, BRAKE, SLOWDOWN = "power cap", "heat", "overheated", "power brake", "hardware slowdown"
ALARMING = frozenset({HEAT, HOT, BRAKE, SLOWDOWN})
"""Throttling that somebody should look into; running at its power limit is what a busy card does."""


def throttle_words(reasons: int | None) -> tuple[str, ...]:
    """What holds the clocks down, the worst first. `SLOWDOWN` only where the driver does not say of which kind."""
    bits = reasons or 0
    found = [
        word for bit, word in ((_HEAT, HOT), (_SOFT_HEAT, HEAT), (_BRAKE, BRAKE), (_POWER_CAP, POWER_CAP)) if bits & bit
    ]
    if bits & _SLOWDOWN and not bits & (_HEAT | _BRAKE):
        found.insert(0, SLOWDOWN)
    return tuple(found)


def shares(processes: Iterable[tuple[int, int | None]] | None, pid: int) -> tuple[int | None, int | None]:
    """(bytes of process `pid`, bytes of all others) out of a card's list of (process, bytes).

    A process may be listed twice, for computing and for drawing, with one size. Under WDDM and WSL the driver names
    processes without sizes, and of what is not said the sum is not known either.
    """
    if processes is None:
        return None, None
    held: dict[int, int | None] = {}
    for number, size in processes:
        held[number] = size if held.get(number) is None else max(held[number] or 0, size or 0)
    others = [size for number, size in held.items() if number != pid]
    known = [size for size in others if size is not None]
    return held.get(pid), sum(known) if len(known) == len(others) else None
