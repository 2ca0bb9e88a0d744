"""Follows every tensor's storage from its first use to its death, on fake and on real tensors alike.

A storage is followed by a weak reference, so that what counts as alive is what Python and autograd keep alive, as it
would be on the card. Each allocation goes to a model of the allocator, and into a trace that can be replayed on less.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode

from engine.simulation.allocator import Block, CachingAllocator, Event
from engine.simulation.memo import Memo
from engine.simulation.workspaces import WORKSPACES

_DEVICE = torch.ops.prim.device.default
_SCALAR, _INDEX = torch.ops.aten._local_scalar_dense.default, torch.ops.aten.index.Tensor

Moment = tuple[str, str]
"""A phase of the stage and a place in the model: ("backward", "first")."""


@dataclass(slots=True)
class Peak:
    """The most that was allocated at one kind of moment, what it was made of, and which moment in words."""

    allocated: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    words: str = ""


class _Entry:
    __slots__ = ("block", "part", "reference", "serial", "size")

    def __init__(self, reference: Any, size: int, part: str) -> None:
        self.reference, self.size, self.part = reference, size, part
        self.block: Block | None = None
        self.serial = 0


class Tracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts while it is entered. `parts` and `allocated` are of now, `peaks` of each kind of moment since `begin`.

    `wide` are the sizes (vocabulary, its tiles) by which a tensor of logits is known. Fake tensors have no values:
    `padded` answers for masks, and a mask selects all that it could unless `selecting` says how many.
    """

    def __init__(self, wide: frozenset[int] = frozenset(), *, padded: bool = True, workspaces: bool = True) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.wide, self.padded = wide, padded
        self._rows: int | None = None
        self.parts: Counter[str] = Counter()
        self.peaks: dict[Moment, Peak] = {}
        self.events: list[Event] = []
        self._workspaces = WORKSPACES if workspaces else {}
        self._live: dict[int, _Entry] = {}
        self._allocator: CachingAllocator | None = None
        self._memo = Memo()
        self._serial = 0
        self._default = "activations"
        self.phase, self._now, self._words = "", Peak(), ""

    @property
    def allocated(self) -> int:
        return self._allocator.allocated if self._allocator else 0

    @property
    def allocator(self) -> CachingAllocator:
        """What has run through `events` on a card without an end."""
        assert self._allocator is not None
        return self._allocator

    @property
    def peak(self) -> Peak:
        return max(self.peaks.values(), key=lambda peak: peak.allocated)

    def begin(self) -> None:
        """A stage starts on a fresh card that holds what is alive now, compactly, as a loader leaves it."""
        self._allocator, self.parts, self.events, self.peaks = CachingAllocator(), Counter(), [], {}
        for entry in self._live.values():
            self._place(entry)
        self.at("start", "", "the stage's start")

    def at(self, phase: str, place: str, words: str) -> None:
        """What follows is that kind of moment."""
        self.phase, self._now = phase, self.peaks.setdefault((phase, place), Peak())
        self._words = words
        self._look()

    @contextmanager
    def making(self, part: str) -> Iterator[None]:
        """Tensors made inside the block are of `part`; "host" is no part of the card at all."""
        before, self._default = self._default, part
        try:
            yield
        finally:
            self._default = before

    @contextmanager
    def selecting(self, rows: int) -> Iterator[None]:
        """Masks select so many rows inside the block."""
        self._rows = rows
        try:
            yield
        finally:
            self._rows = None

    def mark(self, tensor: torch.Tensor | None, part: str) -> int:
        """Say what a tensor is that has been made already. Gives a name to bring its storage back by; 0 for none."""
        key = 0 if tensor is None else tensor.untyped_storage()._cdata
        entry = self._live.get(key)
        if entry is None:
            return 0
        self._turn(entry, part)
        return key

    def bring_back(self, name: int, part: str) -> None:
        """Storage that was marked "host" is on the card again, if it is still alive."""
        entry = self._live.get(name)
        if entry is not None and entry.part == "host":
            self._turn(entry, part)

    def _turn(self, entry: _Entry, part: str) -> None:
        if entry.part != part and "host" in (part, entry.part):
            self._lift(entry)
            entry.part = part
            self._place(entry)
        elif entry.block is not None:
            self.parts[entry.part] -= entry.block.size
            self.parts[part] += entry.block.size
        entry.part = part

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """There is no compiler to be kept out, and keeping it out costs a tenth of the time."""
        return False

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is _DEVICE and isinstance(args[0], FakeTensor):  # half of all that is asked
            return args[0].fake_device
        kwargs = kwargs or {}
        if func is _SCALAR and isinstance(args[0], FakeTensor):
            return self._value(args[0])
        if func is _INDEX and isinstance(args[0], FakeTensor) and _is_mask(args[1][0]):
            func, args, kwargs = self._selected(*args[:2])
        workspace = self._workspaces.get(_name(func))
        taken = self._malloc(workspace(args)) if workspace else None
        out, fresh = self._memo.run(func, args, kwargs)
        for tensor in fresh:
            self._follow(tensor)
        if taken:
            self._free(*taken)
        return out

    def _value(self, tensor: torch.Tensor) -> float | bool:
        """Whatever number comes out must not matter; a truth asked of a mask is whether it has no padding."""
        if tensor.dtype == torch.bool:
            return not self.padded
        return 1.0 if tensor.is_floating_point() else 1

    def _selected(self, tensor: torch.Tensor, indices: Any) -> tuple[Any, Any, Any]:
        mask = indices[0]
        rows = mask.numel() if self._rows is None else self._rows
        return torch.ops.aten.new_empty.default, (tensor, (rows, *tensor.shape[mask.dim() :])), {}

    def _follow(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._live or (tensor.fake_device if type(tensor) is FakeTensor else tensor.device).type == "meta":
            return
        part = self._default
        if part == "activations" and not self.wide.isdisjoint(tensor.shape):
            part = "logits"
        entry = _Entry(weakref.ref(storage, partial(self._died, key)), storage.nbytes(), part)
        self._live[key] = entry
        self._place(entry)

    def _died(self, key: int, _reference: Any) -> None:
        self._lift(self._live.pop(key))

    def _place(self, entry: _Entry) -> None:
        entry.block, entry.serial = None, 0
        if entry.part == "host" or self._allocator is None:
            return
        taken = self._malloc(entry.size, entry.part)
        if taken:
            entry.block, entry.serial = taken[0], taken[1]

    def _lift(self, entry: _Entry) -> None:
        if entry.block is not None:
            self._free(entry.block, entry.serial, entry.part)

    def _malloc(self, size: int, part: str = "other") -> tuple[Block, int, str] | None:
        block = self._allocator.malloc(size) if self._allocator else None
        if block is None:
            return None
        self._serial += 1
        self.events.append((self._serial, size))
        self.parts[part] += block.size
        self._look()
        return block, self._serial, part

    def _free(self, block: Block, serial: int, part: str) -> None:
        assert self._allocator is not None
        self.parts[part] -= block.size
        self._allocator.free(block)
        self.events.append((serial, None))

    def _look(self) -> None:
        now = self._now
        if self._allocator and self._allocator.allocated > now.allocated:
            now.allocated, now.parts, now.words = self._allocator.allocated, dict(self.parts), self._words


@cache
def _name(func: Any) -> str:
    return str(func._schema.name)


def _is_mask(index: Any) -> bool:
    return index is not None and index.dtype == torch.bool
