"""`engine.stages.sft`: one optimizer step on the longest batch, with the installed TRL's own loss, on a slot."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import torch
from trl import SFTTrainer
from trl.trainer.utils import add_fused_lm_head

from engine.config.schema import RunConfig
from engine.models.slots import SFT
from engine.simulation.scene import Scene
from engine.simulation.workloads.optimizer import step, warmed
from engine.simulation.workloads.slots import ToldSlots, ones
from engine.stages.slot_training import in_training
from engine.stages.trainer import release

HEAD_OUTPUTS = ("log_probs", "entropy", "is_top1")


def applies(config: RunConfig) -> bool:
    return config.sft.max_steps > 0


def run(scene: Scene) -> None:
    section, config = scene.config.sft, scene.config
    scene.resident.model.train()
    with ToldSlots(scene, SFT) as slots, in_training(slots, SFT, config.model.gradient_checkpointing):
        parameters = slots.parameters(SFT)
        if config.model.quantization != "none":  # as SFTTrainer does to what it trains of a quantised model
            with scene.tracker.making("adapters"):
                for parameter in parameters:
                    parameter.data = parameter.data.to(torch.bfloat16)
        trainer = _trainer(scene)
        optimizer = warmed(scene.tracker, torch.optim.AdamW(parameters, lr=section.learning_rate, fused=True))
        for _ in range(min(2, section.accumulation)):
            _micro_step(scene, trainer, section.batch_size)
        step(scene.tracker, optimizer, config.training.max_grad_norm)
    release(scene.resident)


def _micro_step(scene: Scene, trainer: Any, rows: int) -> None:
    model = scene.resident.model
    scene.tracker.at("forward", "start", "forward through the embeddings")
    ids, mask = ones(scene, rows, scene.lengths.pair)
    batch = {"input_ids": ids, "attention_mask": mask, "labels": ids.clone()}
    with torch.autocast(scene.resident.device.type, torch.bfloat16, enabled=model.dtype.itemsize == 2):
        loss = trainer.compute_loss(model, batch, num_items_in_batch=1)
    scene.tracker.at("backward", "head", "backward of the output layer")
    loss.backward()


def _trainer(scene: Scene) -> Any:
    """An SFTTrainer without its __init__, which wants data: only what `compute_loss` reads."""
    model = scene.resident.model
    trainer = SFTTrainer.__new__(SFTTrainer)
    trainer.accelerator = SimpleNamespace(
        gather_for_metrics=_same, unwrap_model=_same, num_processes=1, parallelism_config=None
    )  # fmt: skip
    trainer.__dict__.update(
        model=model,
        args=SimpleNamespace(loss_type="nll", max_length=None, average_tokens_across_devices=False),
        compute_loss_func=None,
        label_smoother=None,
        aux_loss_enabled=False,
        _tp_size=1,
        _total_train_tokens=0,
        _metrics={"train": defaultdict(list), "eval": defaultdict(list)},
    )
    add_fused_lm_head(model.get_base_model(), outputs=HEAD_OUTPUTS)
    return trainer


def _same(value: Any, *_args: Any, **_kwargs: Any) -> Any:
    return value
