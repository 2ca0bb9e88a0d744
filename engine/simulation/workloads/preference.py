"""`engine.stages.dpo`: one optimizer step on the longest batch, with the installed TRL's own loss.

Every loss of DPO's family costs the same memory: they differ in arithmetic on two numbers a pair.
"""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import bitsandbytes
import torch
from trl import DPOTrainer
from trl.trainer.utils import add_fused_lm_head

from engine.config.schema import RunConfig
from engine.models.load import lora_config
from engine.records.objectives import mixture
from engine.simulation.scene import Scene
from engine.simulation.workloads.optimizer import step, warmed
from engine.stages.trainer import REFERENCE_ADAPTER, release

INPUTS = ("input_ids", "attention_mask", "completion_mask")
HEAD_OUTPUTS = ("log_probs", "entropy", "mean_logits", "is_top1")


ASSUMED = {
    "kto": "KTO is planned as DPO's step: the passes that estimate its KL keep nothing and are not counted",
    "orpo": "ORPO is planned as DPO's step: its logits, which TRL keeps whole, are rows × tokens × vocabulary more",
    "rrhf": "RRHF is planned with two answers a prompt: one that has more of them takes more",
}
"""What differs, of the losses that have a trainer of their own."""


def assumed(config: RunConfig) -> tuple[str, ...]:
    words = ASSUMED.get(mixture(config.training.loss_type).family)
    return (words,) if words else ()


def run(scene: Scene) -> None:
    """Two micro-steps where gradients are accumulated: the second finds the first one's gradients alive."""
    settings = scene.config.training
    model = scene.resident.model
    model.train()
    trainer = _trainer(scene)
    if scene.config.model.gradient_checkpointing:
        if not scene.full:
            model.enable_input_require_grads()
        model.gradient_checkpointing_enable({"use_reentrant": False})
    optimizer = warmed(scene.tracker, _optimizer(scene))
    for _ in range(min(2, settings.accumulation)):
        _micro_step(scene, trainer)
    step(scene.tracker, optimizer, settings.max_grad_norm)
    if not scene.full:
        release(scene.resident)


def _micro_step(scene: Scene, trainer: Any) -> None:
    pairs, length, device = scene.config.training.batch_size, scene.lengths.pair, scene.resident.device
    scene.tracker.at("forward", "start", "forward through the embeddings")
    batch = {name: torch.ones(2 * pairs, length, dtype=torch.long, device=device) for name in INPUTS}
    if scene.tracker.padded:
        batch["attention_mask"][-1, -1] = 0
    if trainer.precompute_ref_logps:
        batch["ref_chosen_logps"] = batch["ref_rejected_logps"] = torch.zeros(pairs, device=device)
    mixed = scene.resident.model.dtype.itemsize == 2
    with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
        loss = trainer._compute_loss(scene.resident.model, batch, False)
    scene.tracker.at("backward", "head", "backward of the output layer")
    loss.backward()


def _trainer(scene: Scene) -> Any:
    """A DPOTrainer without its __init__, which wants data: only what `_compute_loss` reads."""
    settings, model = scene.config.training, scene.resident.model
    trainer = DPOTrainer.__new__(DPOTrainer)
    reference = mixture(settings.loss_type).reference
    if reference and settings.reference == "parent" and not scene.full:
        with scene.tracker.making("reference"):
            model.add_adapter(REFERENCE_ADAPTER, lora_config(scene.config.model))
        model.set_adapter(model.active_adapter)
    trainer.accelerator = SimpleNamespace(
        device=scene.resident.device, gather=_same, gather_for_metrics=_same, unwrap_model=_same, num_processes=1
    )
    trainer.args = SimpleNamespace(gradient_checkpointing_kwargs={"use_reentrant": False})
    trainer.__dict__.update(
        model=model,
        ref_model=None,
        beta=settings.beta,
        precompute_ref_logps=settings.precompute_reference or not reference or scene.full,
        loss_types=["sigmoid"],
        loss_weights=[1.0],
        ld_alpha=None,
        f_divergence_type="reverse_kl",
        f_alpha_divergence_coef=0.5,
        label_smoothing=0.0,
        use_weighting=False,
        aux_loss_enabled=False,
        router_aux_loss_coef=0.0,
        _tp_size=1,
        _total_train_tokens=0,
        _metrics={"train": defaultdict(list), "eval": defaultdict(list)},
    )
    add_fused_lm_head(model if scene.full else model.get_base_model(), outputs=HEAD_OUTPUTS)
    return trainer


def _same(value: Any, *_args: Any, **_kwargs: Any) -> Any:
    return value


def _optimizer(scene: Scene) -> torch.optim.Optimizer:
    settings = scene.config.training
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(scene.trained, lr=settings.learning_rate, fused=True)
    return bitsandbytes.optim.AdamW8bit(scene.trained, lr=settings.learning_rate)  # type: ignore[no-any-return]
