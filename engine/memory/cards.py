"""The machine's NVIDIA cards through NVML (nvidia-ml-py): one reading of them all, the engine's card first.

Every call here may block for as long as the driver likes, so only the sampler's thread makes them. A card that is
cut into MIG slices counts as its slices: CUDA sees nothing else of it.
Units are NVML's made plain: bytes, percent, °C, watts. What a card does not say is None, never 0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.errors import PilothouseError
from engine.memory.shares import shares, throttle_words
from engine.records import Memory

NOT_INSTALLED = "no NVIDIA driver is installed"
STANDIN_MARK = "pilothouse_standin"
"""A symbol that only the tests' stand-in for NVIDIA's library exports; its cards are labelled as simulated."""

# NVML's return codes that mean that a card, or the driver, is gone: every other one means "this card does not say".
_UNINITIALIZED, _DRIVER_NOT_LOADED, _LIBRARY_NOT_FOUND, _LOST, _RESET_REQUIRED, _MISMATCH = 1, 9, 12, 15, 16, 18
_GONE = {_UNINITIALIZED, _DRIVER_NOT_LOADED, _LOST, _RESET_REQUIRED}
_PLAIN = {
    _DRIVER_NOT_LOADED: "the NVIDIA driver is not loaded",
    _LIBRARY_NOT_FOUND: NOT_INSTALLED,
    _LOST: "the card is lost: it no longer answers its driver",
    _RESET_REQUIRED: "the card needs a reset",
    _MISMATCH: "the NVIDIA driver and its library are of different versions; restart the machine",
}


class DriverError(PilothouseError):
    """NVML cannot be asked at all; the message says why in plain words."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Every card at `t`, the engine's first; None is a card that gave no answer, and `fault` says why."""

    t: float
    cards: tuple[Memory | None, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Card:
    """A card by its number, or one MIG slice of it."""

    index: int
    uuid: str
    name: str
    slice: int | None = None


class Driver:
    """NVML, opened. Raises DriverError where there is no driver to open.

    `visible` is CUDA_VISIBLE_DEVICES, whose first card is the engine's. `doubt` goes with every reading.
    """

    def __init__(self, visible: str | None = None, doubt: str = "") -> None:
        import pynvml

        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
            found = [card for index in range(pynvml.nvmlDeviceGetCount()) for card in self._open(index)]
        except pynvml.NVMLError as error:
            raise DriverError(_plain(error)) from None
        if not found:
            raise DriverError("the NVIDIA driver knows of no card")
        self._simulated = hasattr(pynvml.nvmlLib, STANDIN_MARK)
        self._doubt = doubt
        self._hidden = hides_all(visible)
        self._cards = [found[index] for index in order([card.uuid for card in found], visible)]

    def read(self, t: float, first: str = "") -> Reading:
        """All cards now; `first` is the UUID of the engine's, where torch has said it."""
        cards = sorted(self._cards, key=lambda card: not (first and card.uuid.endswith(first)))
        found: list[Memory | None] = [None] if self._hidden else []
        fault = "CUDA_VISIBLE_DEVICES hides every card from the engine" if self._hidden else ""
        for card in cards:
            try:
                found.append(self._read(card, t))
            except self._nvml.NVMLError as error:
                found.append(None)
                fault = f"{card.name}: {_plain(error)}"
        return Reading(t, tuple(found), fault)

    def close(self) -> None:
        with suppress(self._nvml.NVMLError):  # it has gone already, and there is nothing left to give back
            self._nvml.nvmlShutdown()

    def _open(self, index: int) -> list[_Card]:
        """The card with this number, or its MIG slices."""
        try:
            handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
            return list(self._slices(index, handle)) or [self._describe(handle, index)]
        except self._nvml.NVMLError:  # lost before we came; reading it will say so, and the others go on
            return [_Card(index, "", f"NVIDIA card {index}")]

    def _slices(self, index: int, card: Any) -> Iterator[_Card]:
        nvml = self._nvml
        mode = self._ask(lambda: nvml.nvmlDeviceGetMigMode(card))
        count = self._ask(lambda: nvml.nvmlDeviceGetMaxMigDeviceCount(card)) if mode and mode[0] else 0
        for number in range(count or 0):  # numbers that no slice has are refused
            handle = self._ask(partial(nvml.nvmlDeviceGetMigDeviceHandleByIndex, card, number))
            if handle is not None:
                yield self._describe(handle, index, number)

    def _describe(self, handle: Any, index: int, number: int | None = None) -> _Card:
        uuid = self._ask(lambda: self._nvml.nvmlDeviceGetUUID(handle))
        name = self._ask(lambda: self._nvml.nvmlDeviceGetName(handle))
        unnamed = f"NVIDIA card {index}" + ("" if number is None else f", MIG slice {number}")
        return _Card(index, uuid or "", name or unnamed, number)

    def _read(self, card: _Card, t: float) -> Memory:
        """Sizes and processes are the slice's where there is one; load, heat and power are always the whole card's."""
        nvml = self._nvml
        whole = nvml.nvmlDeviceGetHandleByIndex(card.index)
        handle = whole if card.slice is None else nvml.nvmlDeviceGetMigDeviceHandleByIndex(whole, card.slice)
        # Version 2 is missing from old drivers and fails under WSL. `used` differs between the two, `free` does not.
        sizes = self._ask(
            lambda: nvml.nvmlDeviceGetMemoryInfo(handle, nvml.nvmlMemory_v2),
            lambda: nvml.nvmlDeviceGetMemoryInfo(handle),
        )
        own, others = shares(self._processes(handle), os.getpid())
        return Memory(
            "gpu",
            card.name,
            total=sizes and sizes.total,
            used=sizes and sizes.total - sizes.free,
            t=t,
            simulated=self._simulated,
            own=own,
            others=others,
            doubt=self._doubt,
            **self._vitals(whole),
        )

    def _processes(self, handle: Any) -> list[tuple[int, int | None]] | None:
        """(process, bytes) of everyone on the card; None where the driver does not list them."""
        nvml = self._nvml
        computing = self._ask(
            lambda: nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle),
            lambda: nvml.nvmlDeviceGetComputeRunningProcesses_v2(handle),
        )
        drawing = self._ask(
            lambda: nvml.nvmlDeviceGetGraphicsRunningProcesses_v3(handle),
            lambda: nvml.nvmlDeviceGetGraphicsRunningProcesses_v2(handle),
        )
        if computing is None:
            return None
        return [(process.pid, process.usedGpuMemory) for process in (*computing, *(drawing or ()))]

    def _vitals(self, handle: Any) -> dict[str, Any]:
        """Load, heat, power, and what slows the card down."""
        nvml = self._nvml
        busy = self._ask(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        milliwatts = self._ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        limit = self._ask(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle))
        celsius = self._ask(
            lambda: nvml.nvmlDeviceGetTemperatureV(handle, nvml.NVML_TEMPERATURE_GPU),
            lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),  # drivers before 2024
        )
        reasons = self._ask(
            lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(handle),
            lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle),  # the same, under its name before 2023
        )
        return {
            "utilisation": busy and float(busy.gpu),
            "temperature": None if celsius is None else float(celsius),
            "power": None if milliwatts is None else milliwatts / 1000,
            "power_limit": None if limit is None else limit / 1000,
            "throttle": throttle_words(reasons),
        }

    def _ask(self, *calls: Callable[[], Any]) -> Any:
        """The first call that this card supports, or None. Raises NVMLError where the card is gone."""
        for call in calls:
            try:
                return call()
            except self._nvml.NVMLError as error:
                if error.value in _GONE:
                    raise
        return None


def order(uuids: list[str], visible: str | None) -> list[int]:
    """Card numbers, first those that `visible` (CUDA_VISIBLE_DEVICES: numbers, or UUIDs perhaps cut short) names."""
    everyone = range(len(uuids))
    named: list[int] = []
    for word in filter(None, (visible or "").replace(" ", "").split(",")):
        named += [index for index in everyone if str(index) == word or uuids[index].startswith(word)][:1]
    return list(dict.fromkeys([*named, *everyone]))


def hides_all(visible: str | None) -> bool:
    """Whether CUDA_VISIBLE_DEVICES is set to show no card: empty, or a first number below zero."""
    return visible is not None and (not visible.strip() or visible.strip().startswith("-"))


def _plain(error: Any) -> str:
    return _PLAIN.get(error.value, f"NVML says: {error}")
