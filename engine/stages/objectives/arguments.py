"""The training arguments that every objective shares, and the data as rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from engine.config.schema import RunConfig, TrainingConfig
from engine.data.task import Pair
from engine.errors import ModelError
from engine.models.resident import Resident
from engine.records.objectives import mixture
from engine.stages.checkpoints import WholeCheckpoints

WEIGHT = "weight"
"""A row's column: trainers drop rows that are too long, and what is left must keep its own weight."""

MakeTrainer = Callable[
    [Resident, Sequence[Pair], RunConfig, dict[str, Any], TrainerCallback],
    WholeCheckpoints,
]
"""(model, pairs, config, `common_arguments`, callback) to a family's trainer, its reference as TRL leaves it."""


def common_arguments(config: RunConfig, resident: Resident, work: Path, seed: int) -> dict[str, Any]:
    """What any of TRL's configs takes, under the names of transformers' TrainingArguments."""
    settings = config.training
    cuda = resident.device.type == "cuda"
    return {
        "output_dir": str(work),
        "beta": settings.beta,
        "learning_rate": settings.learning_rate,
        "max_steps": settings.max_steps,
        "per_device_train_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.accumulation,
        "max_length": settings.max_length,
        **_optimizer(settings.optimizer, cuda),
        "lr_scheduler_type": settings.scheduler,
        "warmup_steps": settings.warmup_steps,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "logging_steps": settings.logging_steps,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": settings.checkpoint_steps,
        "seed": seed,
        "bf16": cuda and resident.model.dtype.itemsize == 2,
        "use_cpu": not cuda,
        "gradient_checkpointing": config.model.gradient_checkpointing,
        "dataloader_pin_memory": cuda,
        "disable_tqdm": True,
        "report_to": [],
    }


def _optimizer(name: str, cuda: bool) -> dict[str, str]:
    """TRL's own AdamW unless another is asked for. Raises ModelError for one that cannot be had here."""
    if name == "adamw":
        return {}
    if find_spec("bitsandbytes") is None:
        raise ModelError(
            f"training.optimizer = {name} needs the package bitsandbytes",
            remedy="pip install bitsandbytes, or set training.optimizer to adamw",
        )
    if name == "paged_adamw_8bit" and not cuda:
        raise ModelError(
            "training.optimizer = paged_adamw_8bit needs a CUDA card: paging is between it and the host",
            remedy="set training.optimizer to adamw_8bit or adamw",
        )
    return {"optim": name}


def smoothing(settings: TrainingConfig) -> float:
    """The config's label smoothing, or the objective's own where it names none."""
    given = settings.label_smoothing
    return mixture(settings.loss_type).smoothing if given is None else given


def pair_rows(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """The pairs as TRL takes them, each with its weight."""
    return [{**pair.row(), WEIGHT: pair.weight} for pair in pairs]
