"""The one model that stays on the device for a whole run: a frozen base with one LoRA adapter, the policy.

The baseline is the base with the adapter switched off; any other iteration is the same adapter with that iteration's
weights in it for a while. So nothing is reloaded between iterations, and no second copy of the base exists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load_file

from engine.errors import ModelError
from engine.models.rng import isolated_rng
from engine.models.room import Room

POLICY = "default"
WEIGHTS = "adapter_model.safetensors"

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Resident:
    """A loaded model. `model` is a PeftModel whose only adapter, "default", is the policy. `room` is what is known of
    the memory beside it; `notes` is what there is to say about how it was loaded.
    """

    model: Any
    tokenizer: Any
    device: torch.device
    name: str
    room: Room = field(default_factory=Room)
    notes: tuple[str, ...] = ()

    @property
    def chat(self) -> bool:
        """Whether prompts can be chat messages."""
        return bool(self.tokenizer.chat_template)

    @property
    def window(self) -> int | None:
        """The most tokens that the model can attend to, where its config says."""
        return getattr(self.model.config, "max_position_embeddings", None)

    @property
    def end_ids(self) -> frozenset[int]:
        """Every token that ends a completion: the tokenizer's EOS and those of the model's generation config."""
        extra = getattr(self.model.generation_config, "eos_token_id", None)
        extra = extra if isinstance(extra, list) else [extra]
        return frozenset(i for i in [self.tokenizer.eos_token_id, *extra] if i is not None)

    def reset_policy(self, seed: int) -> None:
        """Make the policy the baseline again: LoRA's A random under `seed`, B zero."""
        with isolated_rng(seed):
            for layer in self.model.modules():
                if isinstance(layer, LoraLayer):
                    layer.reset_lora_parameters(POLICY, init_lora_weights=True)

    def save_policy(self, folder: Path) -> None:
        """Write the adapter where PEFT can load it from. Embeddings never change, so they are not saved."""
        self.model.save_pretrained(str(folder), selected_adapters=[POLICY], save_embedding_layers=False)

    def load_policy(self, folder: Path) -> None:
        """Make the policy what `save_policy` wrote. Raises ModelError when that does not fit or cannot be read."""
        self._put(self.read_policy(folder))

    def read_policy(self, folder: Path) -> Weights:
        """The adapter weights in `folder`, checked against this model's. Only safetensors: a pickle can run code."""
        path = folder / WEIGHTS
        try:
            weights: Weights = load_file(path, device=str(self.device))
        except FileNotFoundError:
            raise ModelError(f"{path}: no such adapter") from None
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path}: damaged: {error}", remedy="roll back to another iteration") from None
        mine = self._take()
        if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in mine.items()}:
            raise ModelError(
                f"{path}: made for another model or LoRA rank ({_adapter_words(folder)})",
                remedy="use the model section that the run began with",
            )
        return weights

    @contextmanager
    def baseline(self) -> Iterator[None]:
        """The base alone inside the block."""
        with self.model.disable_adapter():
            yield

    @contextmanager
    def adapter(self, weights: Path | Weights) -> Iterator[None]:
        """Another iteration's adapter inside the block, for measuring only: the policy comes back unchanged."""
        other = self.read_policy(weights) if isinstance(weights, Path) else weights
        policy = {name: tensor.detach().clone() for name, tensor in self._take().items()}
        self._put(other)
        try:
            yield
        finally:
            self._put(policy)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Evaluation mode without gradients inside the block; each module's own training flag comes back after it."""
        flags = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            for module, training in flags:
                module.training = training

    def _take(self) -> Weights:
        weights: Weights = get_peft_model_state_dict(self.model, adapter_name=POLICY, save_embedding_layers=False)
        return weights

    def _put(self, weights: Weights) -> None:
        set_peft_model_state_dict(self.model, weights, adapter_name=POLICY)


def _adapter_words(folder: Path) -> str:
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        return f"r {config['r']} on {config['base_model_name_or_path']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "its adapter_config.json cannot be read"
