"""Less memory on the device: the input embedding and the kept activations in the host's, and a fence for it all."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch

from engine.errors import ModelError


class OnHost:
    """Put in front of an embedding's own class: its table stays in the host's memory wherever its model is moved to.

    Only the rows that are looked up go to the device. The class behind may do more than look up (Gemma scales).
    """

    weight: torch.Tensor
    goes_to: torch.device

    def _apply(self, *_: Any, **__: Any) -> OnHost:
        return self  # what `model.to(device)` calls on every part

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = super().forward(ids.to(self.weight.device))  # type: ignore[misc]
        return rows.to(self.goes_to)


def embed_on_host(base: Any, device: torch.device) -> str:
    """Keep the input embedding in the host's memory. "" when that is done, else why it would free nothing."""
    embedding, head = base.get_input_embeddings(), base.get_output_embeddings()
    if head is not None and head.weight is embedding.weight:
        return (
            "model.embeddings_on_cpu frees nothing here: this model's output layer is its input embedding, "
            "and must stay on the device; it is left there"
        )
    embedding.to("cpu")
    embedding.goes_to = device
    embedding.__class__ = type(f"OnHost{type(embedding).__name__}", (OnHost, type(embedding)), {})
    return ""


def offload_checkpoints(base: Any) -> None:
    """Whenever activation checkpointing is switched on, let what it keeps wait in the host's memory.

    Trainers switch it on and off around each forward of a reference, and forget the option on the way; so the model
    itself remembers. transformers asks an overridden method of this name.
    """

    def enable(model: Any, gradient_checkpointing_kwargs: Any = None, every_n_layers: int = 1, **_: Any) -> None:
        options = {name: v for name, v in (gradient_checkpointing_kwargs or {}).items() if name != "offload"}
        model._activation_checkpointing_enable(options or None, every_n_layers, offload=True)

    if not hasattr(base, "_activation_checkpointing_enable"):
        raise ModelError(
            "model.checkpoint_offload needs transformers 5.17 or newer",
            remedy="update transformers, or set model.checkpoint_offload to false",
        )
    base.gradient_checkpointing_enable = MethodType(enable, base)


def fence(device: torch.device, fraction: float) -> None:
    """Let torch take no more than this share of the card; more fails as on a card of that size."""
    if device.type == "cuda" and fraction < 1:
        torch.cuda.set_per_process_memory_fraction(fraction, device.index or torch.cuda.current_device())
