"""The resident model of a run as fake tensors: the base, quantised or not, with its adapter."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
import trl.trainer.utils
from peft import get_peft_model
from transformers import AutoModelForCausalLM
from transformers.initialization import no_init_weights

from engine.config.schema import ModelConfig, RunConfig
from engine.errors import PlanError
from engine.models.load import lora_config
from engine.models.resident import Resident
from engine.simulation.cuda import cuda_behaviour, unnoticed
from engine.simulation.lengths import Lengths, lengths_of
from engine.simulation.memo import fake_mode
from engine.simulation.quantised import quantise
from engine.simulation.tracker import Tracker

VOCABULARY_TILE = int(getattr(trl.trainer.utils, "_CHUNKED_LOGPROB_CHUNK_SIZE", 32768))


@dataclass(frozen=True)
class Scene:
    """What a workload works on. `layers` are the decoder's, in order; `full` trains every weight: no run does yet."""

    config: RunConfig
    resident: Resident
    tracker: Tracker
    layers: tuple[torch.nn.Module, ...]
    lengths: Lengths
    full: bool = False

    @property
    def trained(self) -> list[torch.nn.Parameter]:
        return [parameter for parameter in self.resident.model.parameters() if parameter.requires_grad]


@contextmanager
def scene(
    config: RunConfig, shape: Any, layers: int | None = None, *, full: bool = False, real: torch.device | None = None
) -> Iterator[Scene]:
    """The model of `shape` (transformers' config), with so many of its layers, under a tracker. Raises PlanError.

    `real` has real tensors on that device instead, random, and its own kernels: what the simulation is held against.
    """
    shape = shortened(shape, layers)
    tracker = Tracker(frozenset({shape.get_text_config().vocab_size, VOCABULARY_TILE}))
    faking = (real,) if real else (cuda_behaviour(), unnoticed(), fake_mode())
    with ExitStack() as stack:
        for context in (*faking, tracker):
            stack.enter_context(context)
        resident = _resident(config, shape, tracker, full, real or torch.device("cpu"))
        gc.collect()
        found = Scene(config, resident, tracker, decoder_layers(resident.model), lengths_of(config, shape), full)
        _watch(found)
        yield found


def shortened(shape: Any, layers: int | None) -> Any:
    """The same architecture with fewer layers, each of which keeps its kind."""
    shape = deepcopy(shape)
    text = shape.get_text_config()
    if layers is not None:
        kinds = getattr(text, "layer_types", None)
        text.num_hidden_layers = layers
        if kinds:
            text.layer_types = list(kinds)[:layers]
    return shape


def decoder_layers(model: Any) -> tuple[torch.nn.Module, ...]:
    count = model.config.get_text_config().num_hidden_layers
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return tuple(module)
    raise PlanError(f"{model.config.model_type}: its layers cannot be found", remedy="only decoders can be planned")


def dtype_of(config: ModelConfig) -> torch.dtype:
    """As on a CUDA card, whether there is one here or not."""
    known = {"float32": torch.float32, "float16": torch.float16}
    return known.get(config.dtype, torch.bfloat16)


def _resident(config: RunConfig, shape: Any, tracker: Tracker, full: bool, device: torch.device) -> Resident:
    model = _base(config.model, shape)
    tokenizer = SimpleNamespace(pad_token_id=0, eos_token_id=0, chat_template=None)
    with tracker.making("weights"):
        for weight in (*model.parameters(), *model.buffers()):
            tracker.mark(weight, "weights")
        if config.model.quantization != "none" and not full:
            quantise(model, config.model, dtype_of(config.model))
    model.requires_grad_(full)
    embedding = model.get_input_embeddings().weight
    if getattr(config.model, "embeddings_on_cpu", False) and embedding is not model.get_output_embeddings().weight:
        tracker.mark(embedding, "host")
    if not full:
        with tracker.making("adapters"):
            model = get_peft_model(model, lora_config(config.model))
            if config.model.quantization != "none" and config.recipe == "dpo":  # as TRL does to what it trains
                for parameter in model.parameters():
                    if parameter.requires_grad:
                        parameter.data = parameter.data.to(torch.bfloat16)
    return Resident(model.to(device), tokenizer, device, config.model.name)


def _base(config: ModelConfig, shape: Any) -> Any:
    try:
        with no_init_weights():
            model = AutoModelForCausalLM.from_config(shape, dtype=dtype_of(config))
        model.tie_weights()  # which goes with the initialisation that was left out
        return model
    except Exception as error:  # a config that no model can be made of fails anywhere inside transformers
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PlanError(
            f"{config.name}: no {shape.model_type} model can be built from its config: {words}",
            remedy="check its numbers against the model's own config.json",
        ) from None


def _watch(scene: Scene) -> None:
    """Tell the tracker which layer is at work, forward and backward, and which tensors checkpointing keeps."""
    for index, layer in enumerate(scene.layers):
        watch = _Watch(scene, index)
        layer.register_forward_pre_hook(watch.entered, with_kwargs=True)
        layer.register_forward_hook(watch.left, with_kwargs=True)


class _Watch:
    """One layer. It must not hold a tensor: what is alive would no longer be what a run keeps alive."""

    def __init__(self, scene: Scene, index: int) -> None:
        self._scene, self._index = scene, index
        self._offloaded = 0

    def entered(self, _module: Any, args: Any, kwargs: Any) -> None:
        tracker, model = self._scene.tracker, self._scene.config.model
        tell(self._scene, tracker.phase, self._index)
        if torch.is_grad_enabled() and model.gradient_checkpointing:
            tracker.mark(_hidden(args, kwargs), "checkpoints")

    def left(self, _module: Any, args: Any, kwargs: Any, out: Any) -> None:
        tracker, model = self._scene.tracker, self._scene.config.model
        out = out[0] if isinstance(out, tuple) else out
        if torch.is_grad_enabled() and out.requires_grad:
            out.register_hook(self._backward)
            if model.gradient_checkpointing and model.checkpoint_offload:
                self._offloaded = tracker.mark(_hidden(args, kwargs), "host")
        if self._index == len(self._scene.layers) - 1:
            tracker.at(tracker.phase, "head", f"{doing(tracker.phase)} the output layer")

    def _backward(self, _gradient: Any) -> None:
        tell(self._scene, "backward", self._index)
        if self._offloaded:
            self._scene.tracker.bring_back(self._offloaded, "checkpoints")


def _hidden(args: Any, kwargs: Any) -> torch.Tensor:
    found: torch.Tensor = args[0] if args else kwargs["hidden_states"]
    return found


DOING = {
    "forward": "forward through",
    "backward": "backward of",
    "prefill": "reading the prompts in",
    "decode": "writing in",
    "asking": "the models' opinions of a rollout: forward through",
    "rewards": "the reward model's scores: forward through",
    "policy": "the policy's forward through",
    "value": "the value model's forward through",
}


def doing(phase: str) -> str:
    return DOING.get(phase, f"{phase} in")


def tell(scene: Scene, phase: str, index: int) -> None:
    """The tracker's next allocations are of that layer."""
    last = len(scene.layers) - 1
    place = "first" if index == 0 else "last" if index == last else "inner"
    scene.tracker.at(phase, place, f"{doing(phase)} layer {index + 1}")
