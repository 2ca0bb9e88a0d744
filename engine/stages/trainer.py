"""TRL's DPOTrainer on the resident model.

Two things that TRL leaves to its caller are settled here: which model is the reference, and what one trainer leaves
behind on the shared base for the next.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback
from trl import DPOConfig, DPOTrainer

from engine.config.schema import RunConfig
from engine.data.task import Pair
from engine.models.resident import Resident
from engine.stages.checkpoints import WholeCheckpoints

REFERENCE_ADAPTER = "ref"


class PreferenceTrainer(WholeCheckpoints, DPOTrainer):  # type: ignore[misc]
    """TRL's DPOTrainer, its checkpoints whole and its pairs weighted."""


def build_trainer(
    resident: Resident, pairs: Sequence[Pair], config: RunConfig, work: Path, seed: int, callback: TrainerCallback
) -> PreferenceTrainer:
    """A trainer of the policy now in `resident`, against the baseline or against that same policy (the parent).

    TRL copies the adapter that it is given into a frozen adapter `ref`. That copy *is* the parent. For the baseline it
    goes, since TRL then takes the base with its adapters disabled. Pairs are shown as often as their weights say.
    """
    trainer = PreferenceTrainer(
        model=resident.model,
        args=dpo_arguments(config, resident, work, seed),
        train_dataset=Dataset.from_list([pair.row() for pair in pairs]),
        processing_class=resident.tokenizer,
        callbacks=[callback],
    )
    trainer.weights = [pair.weight for pair in pairs]
    trainer.remove_callback(PrinterCallback)
    if config.training.reference == "base":
        resident.model.delete_adapter(REFERENCE_ADAPTER)
    return trainer


def dpo_arguments(config: RunConfig, resident: Resident, work: Path, seed: int) -> DPOConfig:
    settings = config.training
    cuda = resident.device.type == "cuda"
    return DPOConfig(
        output_dir=str(work),
        beta=settings.beta,
        learning_rate=settings.learning_rate,
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        max_length=settings.max_length,
        loss_type=[settings.loss_type],
        lr_scheduler_type=settings.scheduler,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        logging_steps=settings.logging_steps,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=settings.checkpoint_steps,
        seed=seed,
        bf16=cuda and resident.model.dtype.itemsize == 2,
        use_cpu=not cuda,
        gradient_checkpointing=config.model.gradient_checkpointing,
        dataloader_pin_memory=cuda,
        disable_tqdm=True,
        report_to=[],
    )


def release(resident: Resident) -> None:
    """Take off the shared model what a trainer left on it, so that the next trainer starts from a clean one.

    TRL refuses a model that still has an adapter `ref`, and wraps the base's `forward` again for each trainer.
    """
    if REFERENCE_ADAPTER in resident.model.peft_config:
        resident.model.delete_adapter(REFERENCE_ADAPTER)
    resident.model.get_base_model().__dict__.pop("forward", None)
    gc.collect()
