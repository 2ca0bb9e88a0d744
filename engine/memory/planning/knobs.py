"""The settings that need less memory, each with what it costs, as changes of one config.

`keeps` marks those after which the same thing is learned, up to rounding: the others are for a person to choose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.config import RunConfig, override
from engine.records import Scalar
from engine.records.objectives import mixture

PAIR_MEANS = frozenset({
    "sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "sppo_hard", "apo_zero", "apo_down", "discopop",
    "sigmoid_norm",
})  # fmt: skip
"""Losses that are a plain mean over pairs, so that cutting a batch changes nothing. The others look at the batch."""

Where = Literal["training", "generation", "all"]
GENERATION = frozenset({"collect", "evaluate", "baseline", "final", "filter"})
"""Stages in which nothing is trained. PPO does both."""


@dataclass(frozen=True, slots=True)
class Option:
    """One change. Options of one `knob` exclude each other; `price` is the share of an iteration's time it costs.

    `where` are the stages that it may help: those that train, those that only generate and measure, or all of them.
    Prices are estimates for ranking, from the settings' own documentation and the measurements that they cite.
    """

    knob: str
    name: str
    changes: Mapping[str, Scalar]
    cost: str
    price: float
    keeps: bool = True
    where: Where = "all"

    def apply(self, config: RunConfig) -> RunConfig:
        return override(config, [f"{key}={json.dumps(value)}" for key, value in self.changes.items()])

    def helps(self, stage: str) -> bool:
        """Whether the stage of that name could need less by it."""
        kinds = {"training", "generation"} if stage == "ppo" else {"generation" if stage in GENERATION else "training"}
        return self.where == "all" or self.where in kinds

    @property
    def yaml(self) -> str:
        """The lines for the config, such as `training: {batch_size: 2, accumulation: 8}`."""
        sections: dict[str, list[str]] = {}
        for key, value in self.changes.items():
            section, _, leaf = key.rpartition(".")
            sections.setdefault(section, []).append(f"{leaf}: {json.dumps(value).strip(chr(34))}")
        return " ".join(f"{section}: {{{', '.join(leaves)}}}" for section, leaves in sections.items())


def options(config: RunConfig) -> list[Option]:
    """Every change that this config leaves open, whether or not it turns out to save anything."""
    sources = (_batch, _optimizer, _checkpointing, _weights, _generation, _reference, _length, _rank, _precision)
    return [option for source in sources for option in source(config)]


def _batch(config: RunConfig) -> Iterator[Option]:
    """Fewer at once and more micro-steps: the optimizer sees the same sum, where the loss is one."""
    sums = {objective.name for objective in mixture(config.training.loss_type).objectives} <= PAIR_MEANS
    if config.recipe != "rlhf":
        yield from _smaller("batch", "training", config.training.batch_size, config.training.accumulation, sums)
        return
    for size in _steps_down(config.training.batch_size):  # PPO's optimizer steps are ppo.minibatch, whatever this is
        cost, price = "the same updates, slower", 0.1 * _halvings(config.training.batch_size, size)
        name = f"PPO batch {config.training.batch_size} → {size}"
        yield Option("batch", name, {"training.batch_size": size}, cost, price, where="training")
    yield from _smaller("SFT batch", "sft", config.sft.batch_size, config.sft.accumulation, same=False)
    if config.reward.model is None:
        yield from _smaller("reward batch", "reward", config.reward.batch_size, config.reward.accumulation, same=True)


def _smaller(what: str, section: str, size: int, steps: int, same: bool) -> Iterator[Option]:
    for smaller in _steps_down(size):
        if size * steps % smaller == 0:
            more = size * steps // smaller
            cost = "the same gradients" if same else "this loss is no mean over rows: slightly other gradients"
            yield Option(
                what,
                f"{what} {size} → {smaller}, accumulation {steps} → {more}",
                {f"{section}.batch_size": smaller, f"{section}.accumulation": more},
                f"{cost}; slower where so few leave the card idle",
                0.1 * _halvings(size, smaller),
                keeps=same,
                where="training",
            )


def _steps_down(size: int) -> list[int]:
    """Half of it, and one."""
    return [smaller for smaller in dict.fromkeys((size // 2, 1)) if 0 < smaller < size]


def _optimizer(config: RunConfig) -> Iterator[Option]:
    if config.training.optimizer == "adamw":
        cost = "AdamW's state in 8 bits; its paper's runs found no difference"
        yield Option("optimizer", "8-bit optimizer", {"training.optimizer": "adamw_8bit"}, cost, 0.02, where="training")


def _checkpointing(config: RunConfig) -> Iterator[Option]:
    model = config.model
    on: dict[str, Scalar] = {} if model.gradient_checkpointing else {"model.gradient_checkpointing": True}
    if on:
        cost = "training about 30 % slower, each layer is computed twice"
        yield Option("checkpointing", "gradient checkpointing", on, cost, 0.3, where="training")
    if not model.checkpoint_offload:
        name = "gradient checkpointing, offloaded" if on else "checkpoints offloaded to the host"
        cost = "up to 4 % slower" + (" on top of the 30" if on else "") + "; the host holds layers × tokens × width"
        price = 0.34 if on else 0.04
        yield Option("checkpointing", name, {**on, "model.checkpoint_offload": True}, cost, price, where="training")


def _weights(config: RunConfig) -> Iterator[Option]:
    model = config.model
    if not model.embeddings_on_cpu:
        cost = "a small copy a step; frees nothing where they are tied to the output layer"
        yield Option("embeddings", "embeddings on the CPU", {"model.embeddings_on_cpu": True}, cost, 0.01)
    if model.quantization == "nf4" and not model.double_quant:
        cost = "nf4's scales in 8 bits too; slightly slower"
        yield Option("double quantisation", "double quantisation", {"model.double_quant": True}, cost, 0.02)
    if not model.expandable_segments:
        cost = "no cost; CUDA on Linux only"
        yield Option("segments", "expandable segments", {"model.expandable_segments": True}, cost, 0.0)


def _generation(config: RunConfig) -> Iterator[Option]:
    """Smaller batches where nothing is trained: only slower."""
    batches = [("evaluation", "evaluation.batch_size", config.evaluation.batch_size)]
    if config.evaluation.tasks:
        batches.append(("task tokens", "evaluation.batch_tokens", config.evaluation.tokens_at_once()))
    if config.data.source != "file":
        batches.append(("collection", "data.batch_size", config.data.batch_size))
    for what, key, size in batches:
        for smaller in dict.fromkeys((size // 4, size // 16)):
            if smaller:
                cost = f"slower {what.partition(' ')[0].replace('task', 'tasks')}; training is untouched"
                price = 0.02 * _halvings(size, smaller)
                yield Option(what, f"{what} batch {size} → {smaller}", {key: smaller}, cost, price, where="generation")


def _reference(config: RunConfig) -> Iterator[Option]:
    if not config.training.precompute_reference:
        cost = "one pass over the pairs first, then each step is faster"
        yield Option(
            "reference", "precomputed reference", {"training.precompute_reference": True}, cost, 0.01, where="training"
        )


def _length(config: RunConfig) -> Iterator[Option]:
    length = config.training.max_length
    for share, price in ((0.75, 1.0), (0.5, 1.5)):
        shorter = int(length * share) // 64 * 64
        if shorter >= 128:
            cost = f"what is longer than {shorter} tokens is cut"
            change: dict[str, Scalar] = {"training.max_length": shorter}
            yield Option("length", f"sequences {length} → {shorter}", change, cost, price, keeps=False)


def _rank(config: RunConfig) -> Iterator[Option]:
    rank, alpha = config.model.lora_r, config.model.lora_alpha
    if rank >= 8 and alpha % 2 == 0 and rank % 2 == 0:
        changes: dict[str, Scalar] = {"model.lora_r": rank // 2, "model.lora_alpha": alpha // 2}
        cost = "half as much that the adapter can learn, at the same scale"
        yield Option("rank", f"LoRA rank {rank} → {rank // 2}", changes, cost, 1.0, keeps=False)


def _precision(config: RunConfig) -> Iterator[Option]:
    model = config.model
    if model.quantization == "none" and not model.gguf_file and model.name != "demo" and model.device != "cpu":
        cost = "the base rounded to 4 bits: a little worse to start from, and slower"
        yield Option("precision", "base in nf4", {"model.quantization": "nf4"}, cost, 2.0, keeps=False)


def _halvings(before: int, after: int) -> int:
    return (before // after).bit_length() - 1
