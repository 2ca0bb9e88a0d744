"""The optimizer's state, made before the first step.

It is made lazily otherwise, in the middle of the first step, and weights that are half updated when memory runs out
cannot be taken back. Values are those of a fresh state, so the trajectory is the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def warm(optimizer: Any) -> None:
    """Make the state of every parameter that has none. Where memory runs out, nothing of it is left."""
    optimizer = getattr(optimizer, "optimizer", optimizer)  # out of accelerate's wrapper
    bare = [p for group in optimizer.param_groups for p in group["params"] if not optimizer.state.get(p)]
    optimizer.zero_grad(set_to_none=True)  # what has a state is not to step
    try:
        if hasattr(optimizer, "init_state"):
            _make_quantized(optimizer, bare)
        elif bare:
            _make(optimizer, bare)
    except BaseException:
        for parameter in bare:
            optimizer.state.pop(parameter, None)
        raise
    finally:
        optimizer.zero_grad(set_to_none=True)


def _make_quantized(optimizer: Any, bare: Sequence[torch.nn.Parameter]) -> None:
    """bitsandbytes' optimizers, in 8 bits or 32."""
    wanted = set(map(id, bare))
    for i, group in enumerate(optimizer.param_groups):
        for j, parameter in enumerate(group["params"]):
            if id(parameter) in wanted:
                optimizer.init_state(group, parameter, i, j)


def _make(optimizer: Any, bare: Sequence[torch.nn.Parameter]) -> None:
    """A step of torch's optimizers without a rate and with gradients of zero: nothing moves, the count starts anew."""
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    try:
        for parameter in bare:
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    finally:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
    for parameter in bare:
        optimizer.state[parameter]["step"].zero_()
