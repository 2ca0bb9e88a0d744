"""An operation on fake tensors that was done before is not worked out again.

torch's own cache of fake operations costs some hundred microseconds a hit, most of a simulation's time: a model's
layers are alike, and nearly everything is a hit. Here the key is what decides the result's layout, and a hit makes the
fake tensor directly. What is not understood is left to torch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._pytree import tree_leaves

CPU = torch.device("cpu")

Layout = tuple[torch.dtype, tuple[int, ...], tuple[int, ...]]
Made = tuple[int, Layout, int] | int | None
"""A new tensor (-1, layout, 0), a view of an argument (its place, layout, offset), the argument itself, or nothing."""

UNKNOWN = object()
PLAIN = frozenset({int, float, bool, str, type(None), torch.dtype, torch.device, torch.layout})
KNOWN: dict[Any, Any] = {}
MOST = 200_000
"""What operations gave, by their arguments' layouts, in any fake mode: a warm process knows a model's layers."""


def fake_mode() -> FakeTensorMode:
    """A mode without a cache of its own, which takes longer to fill than an operation takes to be worked out."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    mode.cache_enabled = False
    return mode


class Memo:
    """One a fake mode, whose name its tensors bear."""

    def __init__(self) -> None:
        if len(KNOWN) > MOST:
            KNOWN.clear()
        self._blank: dict[str, Any] = {}

    def run(self, func: Any, args: Any, kwargs: Any) -> tuple[Any, list[torch.Tensor]]:
        """What `func(*args, **kwargs)` gives, and those of its tensors that may have storage of their own."""
        tensors: list[Any] = []
        key = (func, _key(args, tensors), _key(tuple(kwargs.items()), tensors) if kwargs else ())
        if UNKNOWN in key:
            return _worked_out(func, args, kwargs)
        try:
            known = KNOWN.get(key)
        except TypeError:  # an argument that cannot be told apart from others
            return _worked_out(func, args, kwargs)
        if known is None or not self._blank:
            out, leaves = _worked_out(func, args, kwargs)
            KNOWN[key] = self._recipe(out, tensors)
            return out, leaves
        if known is UNKNOWN:
            return _worked_out(func, args, kwargs)
        kind, recipes, fresh = known
        with torch._C._DisableTorchDispatch():
            made = [self._make(recipe, tensors) for recipe in recipes]
        return made[0] if kind is None else kind(made), [made[place] for place in fresh]

    def _make(self, recipe: Made, tensors: list[Any]) -> Any:
        if recipe is None:
            return None
        if isinstance(recipe, int):
            return tensors[recipe]
        source, (dtype, shape, stride), offset = recipe
        if source < 0:
            bare = torch.empty_strided(shape, stride, dtype=dtype, device="meta")
        else:
            bare = torch.empty((0,), dtype=dtype, device="meta")
            bare.set_(tensors[source].untyped_storage(), offset, shape, stride)
        tensor = torch.Tensor._make_subclass(FakeTensor, bare, False, dispatch_device=True, device_for_backend_keys=CPU)
        tensor.__dict__.update(self._blank)
        return tensor

    def _recipe(self, out: Any, tensors: list[Any]) -> Any:
        leaves = list(out) if isinstance(out, list | tuple) else [out]
        recipes = [self._describe(leaf, tensors) for leaf in leaves]
        if UNKNOWN in recipes or len({_storage(leaf) for leaf in leaves if leaf is not None}) < sum(
            leaf is not None for leaf in leaves
        ):
            return UNKNOWN
        fresh = [place for place, made in enumerate(recipes) if isinstance(made, tuple) and made[0] < 0]
        return (type(out) if isinstance(out, list | tuple) else None, recipes, fresh)

    def _describe(self, leaf: Any, tensors: list[Any]) -> Any:
        if leaf is None:
            return None
        if not isinstance(leaf, FakeTensor) or leaf.fake_device != CPU or leaf.constant is not None:
            return UNKNOWN
        if not self._blank:
            self._blank = dict(leaf.__dict__)
        for place, tensor in enumerate(tensors):
            if leaf is tensor:
                return place
        layout = (leaf.dtype, tuple(leaf.shape), leaf.stride())
        for place, tensor in enumerate(tensors):
            if _storage(tensor) == _storage(leaf):
                return (place, layout, leaf.storage_offset())
        size = torch.empty_strided(layout[1], layout[2], dtype=layout[0], device="meta").untyped_storage().nbytes()
        whole = leaf.storage_offset() == 0 and size == leaf.untyped_storage().nbytes()
        return (-1, layout, 0) if whole else UNKNOWN


def _worked_out(func: Any, args: Any, kwargs: Any) -> tuple[Any, list[torch.Tensor]]:
    out = func(*args, **kwargs)
    return out, [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]


def _storage(tensor: Any) -> int:
    return int(tensor.untyped_storage()._cdata) if isinstance(tensor, torch.Tensor) else id(tensor)


def _key(value: Any, tensors: list[Any]) -> Any:
    """What decides the result, of a value among the arguments; its tensors are put into `tensors` in order."""
    kind = type(value)
    if kind is FakeTensor:
        if value.constant is not None or (value.fake_device is not CPU and value.fake_device != CPU):
            return UNKNOWN
        tensors.append(value)
        return (value.dtype, value.shape, value.stride(), value.storage_offset())
    if kind in PLAIN:
        return (kind, value)
    if isinstance(value, list | tuple):
        found = tuple([_key(item, tensors) for item in value])
        return UNKNOWN if UNKNOWN in found else found
    if isinstance(value, torch.Tensor):
        return UNKNOWN
    return (kind, value)
