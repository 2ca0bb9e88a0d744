"""Several adapters beside the policy on the one resident base, two of them under a scalar head: SFT, reward and value.

A switch sets the layers' active adapter directly. PEFT's own `set_adapter` turns `requires_grad` on and off as it
switches: called between a forward and its backward it silently loses the first adapter's gradient, and it takes ten
times as long. Gradient checkpointing runs the forward again during backward, with whatever adapter is active *then*;
so forward and backward both belong inside one `use`.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.resident import POLICY, WEIGHTS, Resident
from engine.models.rng import isolated_rng

SFT, REWARD, VALUE, JUDGE = "sft", "reward", "value", "judge"
HEADED = (REWARD, VALUE, JUDGE)
HEAD = "head.safetensors"


class Slots:
    """The adapters of one resident model by name: the policy, which is always there, and those that were added.

    A context manager: on leaving, what was added is dropped and the model is as it was. Batches are (rows, width) of
    ids with a mask; padding may be on either side. `start` is the first completion's column, the same for all rows.
    """

    def __init__(self, resident: Resident, *names: str, seed: int = 0) -> None:
        self.resident = resident
        self.heads: dict[str, nn.Linear] = {}
        self._added: list[str] = []
        self._layers = [module for module in resident.model.modules() if isinstance(module, BaseTunerLayer)]
        self._base = resident.model.get_base_model()
        self._keeps_logits = "logits_to_keep" in signature(type(self._base).forward).parameters
        for name in names:
            self.add(name, seed)

    def __enter__(self) -> Slots:
        return self

    def __exit__(self, *_: object) -> None:
        for name in tuple(self._added):
            self.drop(name)

    # -- which there are ------------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        return (POLICY, *self._added)

    def add(self, name: str, seed: int = 0) -> None:
        """A frozen adapter of the policy's shape that changes nothing yet; those in HEADED get a head in float32."""
        flags = self._flags()
        with isolated_rng(seed):
            self.resident.model.add_adapter(name, copy.deepcopy(self.resident.model.peft_config[POLICY]))
            if name in HEADED:
                self.heads[name] = _head(self._base.config.get_text_config().hidden_size, self.resident.device)
        self._added.append(name)
        self._restore(flags)

    def drop(self, name: str) -> None:
        """Take an added adapter off, with its head."""
        flags = self._flags()
        self.resident.model.delete_adapter(name)
        self.heads.pop(name, None)
        self._added.remove(name)
        self._restore(flags)

    # -- which one acts -------------------------------------------------------------------------------------------

    @contextmanager
    def use(self, name: str | None) -> Iterator[None]:
        """This adapter inside the block, None for the bare base. Nothing else changes: no `requires_grad`, no mode."""
        if name is not None:
            self._require(name)
        before = [(layer._active_adapter, layer._disable_adapters) for layer in self._layers]
        for layer in self._layers:
            layer._disable_adapters = name is None
            if name is not None:
                layer._active_adapter = [name]
        try:
            yield
        finally:
            for layer, (active, disabled) in zip(self._layers, before, strict=True):
                layer._active_adapter, layer._disable_adapters = active, disabled

    @contextmanager
    def trainable(self, *names: str) -> Iterator[list[nn.Parameter]]:
        """The slots' parameters, which take gradients inside the block; no other parameter of the model does."""
        flags, parameters = self._flags(), [each for name in names for each in self.parameters(name)]
        self._restore({})
        for parameter in parameters:
            parameter.requires_grad_(True)
        try:
            yield parameters
        finally:
            for parameter in parameters:
                parameter.requires_grad_(False)
                parameter.grad = None
            self._restore(flags)

    @contextmanager
    def recomputing(self) -> Iterator[None]:
        """Gradient checkpointing inside the block. It needs training mode; dropout stays off all the same."""
        model = self.resident.model
        modes = [(module, module.training) for module in model.modules()]
        self._base.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
        for module, _ in modes:
            module.training = not isinstance(module, nn.Dropout)
        try:
            yield
        finally:
            self._base.activation_checkpointing_disable()
            for module, training in modes:
                module.training = training

    # -- their weights --------------------------------------------------------------------------------------------

    def parameters(self, name: str) -> list[nn.Parameter]:
        """An adapter's parameters, and its head's."""
        head = list(self.heads[name].parameters()) if name in self.heads else []
        return [*self._tensors(name).values(), *head]

    @torch.no_grad()
    def copy(self, source: str, target: str) -> None:
        """Make `target` what `source` is; its head too, where both have one."""
        taken = self._tensors(source)
        for place, parameter in self._tensors(target).items():
            parameter.copy_(taken[place])
        if source in self.heads and target in self.heads:
            self.heads[target].load_state_dict(self.heads[source].state_dict())

    def snapshot(self, name: str) -> dict[str, Tensor]:
        """An adapter's weights as they are now."""
        return {place: parameter.detach().clone() for place, parameter in self._tensors(name).items()}

    @torch.no_grad()
    def restore(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Make an adapter what a snapshot of it, or of another one, was."""
        for place, parameter in self._tensors(name).items():
            parameter.copy_(weights[place])

    @contextmanager
    def lent(self, name: str, weights: Mapping[str, Tensor]) -> Iterator[None]:
        """A snapshot's weights inside the block; the adapter's own come back after it."""
        own = self.snapshot(name)
        self.restore(name, weights)
        try:
            yield
        finally:
            self.restore(name, own)

    def save(self, name: str, folder: Path) -> None:
        """Write an adapter where PEFT and `load` find it, and its head beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        model = self.resident.model
        weights = get_peft_model_state_dict(model, adapter_name=self._require(name), save_embedding_layers=False)
        save_file({key: tensor.detach().cpu().contiguous() for key, tensor in weights.items()}, folder / WEIGHTS)
        config = copy.copy(model.peft_config[name])
        config.inference_mode = True
        config.save_pretrained(str(folder))
        if name in self.heads:
            state = self.heads[name].state_dict()
            save_file({key: tensor.detach().cpu() for key, tensor in state.items()}, folder / HEAD)

    def load(self, name: str, folder: Path) -> None:
        """Make a slot what `save` wrote, or the policy's `adapter/`. Raises ModelError for what does not fit."""
        weights = self.resident.read_policy(folder)
        head = self._read_head(folder / HEAD) if self._require(name) in self.heads else {}
        set_peft_model_state_dict(self.resident.model, weights, adapter_name=name)
        if head:
            self.heads[name].load_state_dict(head)

    # -- what they say --------------------------------------------------------------------------------------------

    def hidden(self, name: str | None, ids: Tensor, mask: Tensor) -> Tensor:
        """The trunk's last hidden states: (rows, width, hidden)."""
        with self.use(name):
            states: Tensor = self._base.get_decoder()(**_inputs(ids, mask)).last_hidden_state
        return states

    def log_softmax(self, name: str | None, ids: Tensor, mask: Tensor, start: int) -> Tensor:
        """Log-probabilities over the vocabulary at the completion's columns: (rows, width - start, vocabulary), fp32.

        In float32 whatever the base is in: a log-softmax in bfloat16 is off by up to .04 nats.
        """
        kept = ids.shape[1] - start + 1
        extra = {"logits_to_keep": kept} if self._keeps_logits else {}
        with self.use(name):
            logits = self._base(**_inputs(ids, mask), **extra).logits[:, -kept:-1]
        return torch.log_softmax(logits.float(), dim=-1)

    def logprobs(self, name: str | None, ids: Tensor, mask: Tensor, start: int) -> Tensor:
        """Log-probabilities of the completion's own tokens: (rows, width - start), float32."""
        return self.log_softmax(name, ids, mask, start).gather(-1, ids[:, start:, None])[..., 0]

    def values(self, ids: Tensor, mask: Tensor, start: int) -> Tensor:
        """The value head's estimate before each of the completion's tokens: (rows, width - start), float32."""
        states = self.hidden(VALUE, ids, mask)[:, start - 1 : -1]
        estimates: Tensor = self.heads[VALUE](states.float())[..., 0]
        return estimates

    def scores(self, ids: Tensor, mask: Tensor, name: str = REWARD) -> Tensor:
        """A reward head's raw score of each row, at its last real token: (rows,), float32."""
        states = self.hidden(name, ids, mask)
        last = (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(1)
        rows = torch.arange(len(states), device=mask.device)
        said: Tensor = self.heads[name](states[rows, last].float())[:, 0]
        return said

    # -- what they use --------------------------------------------------------------------------------------------

    def _tensors(self, name: str) -> dict[str, nn.Parameter]:
        """An adapter's parameters by their place in the model, so that those of two adapters can be told to pair."""
        mine = re.compile(rf"\.lora_\w+\.{re.escape(self._require(name))}(?=\.|$)")
        named = self.resident.model.named_parameters()
        return {key.replace(f".{name}", "", 1): tensor for key, tensor in named if mine.search(key)}

    def _require(self, name: str) -> str:
        if name not in self.names:
            raise ValueError(f"no adapter {name!r}: there are {', '.join(self.names)}")
        return name

    def _flags(self) -> dict[str, bool]:
        return {name: parameter.requires_grad for name, parameter in self.resident.model.named_parameters()}

    def _restore(self, flags: Mapping[str, bool]) -> None:
        """Put flags back; a parameter that is new since they were taken is frozen."""
        for name, parameter in self.resident.model.named_parameters():
            parameter.requires_grad_(flags.get(name, False))

    def _read_head(self, path: Path) -> dict[str, Tensor]:
        try:
            state: dict[str, Tensor] = load_file(path)
        except FileNotFoundError:
            raise ModelError(f"{path}: no such head") from None
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path}: damaged: {error}", remedy="roll back to another iteration") from None
        width = self._base.config.get_text_config().hidden_size
        if {key: tuple(tensor.shape) for key, tensor in state.items()} != {"weight": (1, width), "bias": (1,)}:
            raise ModelError(f"{path}: made for another model", remedy="use the model section that the run began with")
        return state


def _inputs(ids: Tensor, mask: Tensor) -> dict[str, Any]:
    """Positions are said, since padding on the left would shift them."""
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions, "use_cache": False}


def _head(width: int, device: torch.device) -> nn.Linear:
    """A scalar head, frozen, as TRL's and Stiennon et al.'s (arXiv 2009.01325): weights of deviation 1/√(width + 1)."""
    head = nn.Linear(width, 1, device=device, dtype=torch.float32)
    nn.init.normal_(head.weight, std=1 / math.sqrt(width + 1))
    nn.init.zeros_(head.bias)
    return head.requires_grad_(False)
