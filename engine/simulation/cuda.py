"""Makes the installed libraries behave on fake CPU tensors as they do on a CUDA card.

A fake tensor that says "cuda" cannot pass autograd's device guards without a card, so every fake tensor says "cpu".
Where a library looks at the device and takes another path on CUDA, that path is put in by hand here: attention, TRL's
Triton kernels, bitsandbytes' optimizers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import bitsandbytes
import bitsandbytes.optim.optimizer
import torch
import transformers.utils.import_utils
import trl.kernels.chunked_logprob
import trl.trainer.utils

aten = torch.ops.aten


@contextmanager
def cuda_behaviour() -> Iterator[None]:
    """What a card changes, inside the block. Needed around building the model too."""
    chunked, optimizer = trl.kernels.chunked_logprob, bitsandbytes.optim.optimizer
    with ExitStack() as stack:

        def put(owner: Any, name: str, new: Any) -> None:
            stack.enter_context(mock.patch.object(owner, name, new, create=True))

        put(torch.nn.functional, "scaled_dot_product_attention", attention)
        for module in (chunked, trl.trainer.utils):
            put(module, "_use_triton", _yes)
        put(chunked, "_forward_kernel", _Launch())
        put(chunked, "_backward_kernel", _Launch())
        put(chunked, "triton", SimpleNamespace(cdiv=lambda a, b: -(-a // b)))
        put(chunked, "_addmm_fp32", _nothing)
        put(bitsandbytes.functional, "is_on_gpu", _yes)
        put(bitsandbytes.functional, "name2qmap", {})  # code books are shared: they must not outlive their fake mode
        put(bitsandbytes.functional, "create_dynamic_map", _code_book)
        put(optimizer, "sync_gpu", _nothing)
        yield


@contextmanager
def unnoticed() -> Iterator[None]:
    """Nobody notices that tensors are fake, inside the block.

    transformers takes a fake tensor for an export and would always build the whole mask; `Module.to` swaps tensors,
    which fake ones refuse.
    """
    with (
        mock.patch.object(torch.nn.Module, "_apply", _apply),
        mock.patch.object(transformers.utils.import_utils, "is_fake_tensor", _no, create=True),
    ):
        yield


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,  # noqa: ARG001  (flash attention groups queries by itself)
) -> torch.Tensor:
    """The kernel that an Ampere card or later picks: flash without a mask, memory-efficient with one, never all pairs.

    (batch, heads, length, width) each; a mask of truths becomes an additive one first, as in ATen.
    """
    if attn_mask is None and query.dtype.itemsize == 2:
        out = aten._scaled_dot_product_flash_attention(query, key, value, dropout_p, is_causal, False, scale=scale)
        return out[0]  # type: ignore[no-any-return]
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            zeros = torch.zeros_like(attn_mask, dtype=query.dtype)
            attn_mask = zeros.masked_fill_(attn_mask.logical_not(), -math.inf)
        attn_mask = attn_mask.expand(query.shape[0], query.shape[1], query.shape[2], key.shape[2])
    key, value = (_every_head(tensor, query.shape[1]) for tensor in (key, value))
    out = aten._scaled_dot_product_efficient_attention(
        query, key, value, attn_mask, torch.is_grad_enabled(), dropout_p, is_causal, scale=scale
    )
    return out[0]  # type: ignore[no-any-return]


def _every_head(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    return tensor if tensor.shape[1] == heads else tensor.repeat_interleave(heads // tensor.shape[1], dim=1)


class _Launch:
    """A Triton kernel that works in place: it allocates nothing."""

    def __getitem__(self, _grid: Any) -> Callable[..., None]:
        return _nothing


def _code_book(**_kwargs: Any) -> torch.Tensor:
    return torch.zeros(256)


def _yes(*_args: Any) -> bool:
    return True


def _no(*_args: Any) -> bool:
    return False


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    pass


def _apply(module: Any, function: Any, recurse: bool = True) -> Any:
    for child in module.children() if recurse else ():
        _apply(child, function)
    for name, old in list(module._parameters.items()):
        if old is None:
            continue
        with torch.no_grad():
            new = function(old)
        if new is not old and (new.dtype != old.dtype or new.device != old.device):
            module._parameters[name] = torch.nn.Parameter(new, old.requires_grad)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = function(buffer)
    return module
