"""Bytes that a CUDA kernel takes from the caching allocator for itself, which no fake kernel shows.

After ATen/native/transformers/cuda (flash and memory-efficient attention, backward) and bitsandbytes' 4-bit matmul.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

FUSED_ROWS = 4  # up to here bitsandbytes multiplies without unpacking the weight


def _flash_backward(args: Any) -> int:
    """dQ and softmax's sums in float32; with grouped queries dK and dV of every query head, summed afterwards."""
    query, key = args[1], args[2]
    batch, heads, length, width = query.shape
    rows, columns = -(-length // 128) * 128, -(-width // 32) * 32
    taken: int = batch * heads * rows * (columns + 1) * 4
    if key.shape[1] != heads:
        taken += 2 * batch * heads * key.shape[2] * width * query.element_size()
    return taken


def _efficient_backward(args: Any) -> int:
    """delta, and dQ in float32."""
    batch, heads, length, width = args[1].shape
    return int(batch * heads * length * 4 + batch * heads * -(-length // 64) * 64 * width * 4)


def _gemm_4bit(args: Any) -> int:
    """The unpacked weight, and its scales in float32 twice."""
    rows, shape = args[0], args[2]
    if rows.numel() // rows.shape[-1] <= FUSED_ROWS:
        return 0
    count = shape[0] * shape[1]
    return int(count * rows.element_size() + 2 * (count // args[4]) * 4)


WORKSPACES: Mapping[str, Callable[[Any], int]] = {
    "aten::_scaled_dot_product_flash_attention_backward": _flash_backward,
    "aten::_scaled_dot_product_efficient_attention_backward": _efficient_backward,
    "bitsandbytes::gemm_4bit": _gemm_4bit,
}
