"""`engine.models.generate` on fake tensors: the prompts read at once, the cache as it grows, the last token written.

`generate` itself cannot run here, since it stops by what it has written. What it does between is a concatenation a
layer and token, of which some are done: the last cache is as large, and the trace has blocks of every size.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache

from engine.simulation.scene import Scene

STRIDES = 16  # steps in which the cache grows from the prompts to the last token but one


def sample(scene: Scene, sequences: int, prompt: int, grown: int) -> None:
    """`sequences` at once, `grown` tokens each behind `prompt` tokens."""
    model, tracker = scene.resident.model, scene.tracker
    with scene.resident.measuring():
        tracker.at("prefill", "start", "reading the prompts")
        ids = torch.ones(sequences, prompt, dtype=torch.long)
        mask = torch.ones(sequences, prompt + grown, dtype=torch.long)
        cache = _Cache(scene)
        _draw(model, cache, ids, mask[:, :prompt])
        _grow(cache, grown - 1)
        tracker.at("decode", "start", "writing")
        _draw(model, cache, ids[:, -1:], mask[:, :-1] if grown > 1 else mask)


def _draw(model: Any, cache: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """One token a sequence, as `GenerationMixin._sample` takes it from the logits: (sequences, 1)."""
    inputs = {"input_ids": ids, "attention_mask": mask, "past_key_values": cache, "use_cache": True}
    logits = model(**inputs, logits_to_keep=1).logits[:, -1, :].to(copy=True, dtype=torch.float32)
    return torch.multinomial(torch.softmax(logits, dim=-1), num_samples=1)


def _grow(cache: Any, tokens: int) -> None:
    """Append to every layer what the steps between the first and the last would have."""
    stride = max(1, -(-(tokens - 1) // STRIDES))
    for start in range(0, tokens - 1, stride):
        count = min(stride, tokens - 1 - start)
        for index, layer in enumerate(cache.layers):
            batch, heads, _, width = layer.keys.shape
            more = layer.keys.new_zeros(batch, heads, count, width)
            cache.update(more, more, index)


class _Cache(DynamicCache):  # type: ignore[misc]
    """The cache that `generate` makes, whose tensors are told apart."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(config=scene.resident.model.config)
        self._tracker = scene.tracker

    def update(self, key_states: Any, value_states: Any, layer_idx: int, *args: Any, **kwargs: Any) -> Any:
        found = super().update(key_states, value_states, layer_idx, *args, **kwargs)
        for kept in (self.layers[layer_idx].keys, self.layers[layer_idx].values):
            self._tracker.mark(kept, "kv_cache")
        return found
