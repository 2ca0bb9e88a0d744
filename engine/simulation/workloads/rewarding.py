"""`engine.stages.reward`: one optimizer step on the longest pairs, with TRL's own loss, on a slot with a head."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import torch
from trl import RewardTrainer

from engine.config.schema import RunConfig
from engine.models.scoring import SlotClassifier
from engine.models.slots import REWARD
from engine.simulation.scene import Scene
from engine.simulation.workloads.optimizer import step, warmed
from engine.simulation.workloads.slots import ToldSlots, ones
from engine.stages.slot_training import in_training


def applies(config: RunConfig) -> bool:
    """A reward model that the config names is not trained."""
    return config.reward.model is None


def run(scene: Scene) -> None:
    section, config = scene.config.reward, scene.config
    scene.resident.model.train()
    with ToldSlots(scene, REWARD) as slots, in_training(slots, REWARD, config.model.gradient_checkpointing):
        model, trainer = SlotClassifier(slots), _trainer(scene)
        optimizer = torch.optim.AdamW(slots.parameters(REWARD), lr=section.learning_rate, fused=True)
        warmed(scene.tracker, optimizer)
        for _ in range(min(2, section.accumulation)):
            ids, mask = ones(scene, 2 * section.batch_size, scene.lengths.pair)
            loss = trainer.compute_loss(model, {"input_ids": ids, "attention_mask": mask})
            scene.tracker.at("backward", "head", "backward of the reward head")
            loss.backward()
        step(scene.tracker, optimizer, config.training.max_grad_norm)


def _trainer(scene: Scene) -> Any:
    """A RewardTrainer without its __init__, which wants data: only what `compute_loss` reads."""
    trainer = RewardTrainer.__new__(RewardTrainer)
    trainer.accelerator = SimpleNamespace(gather=_same, gather_for_metrics=_same)
    trainer.__dict__.update(
        model=scene.resident.model,
        args=SimpleNamespace(center_rewards_coefficient=scene.config.reward.centre or None),
        _tp_size=1,
        _total_train_tokens=0,
        _metrics={"train": defaultdict(list), "eval": defaultdict(list)},
    )
    return trainer


def _same(value: Any, *_args: Any, **_kwargs: Any) -> Any:
    return value
