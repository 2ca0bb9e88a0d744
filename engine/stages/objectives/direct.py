"""DPO and every loss that TRL's DPOTrainer computes beside it, one or several added up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer

from engine.config.schema import RunConfig
from engine.data.task import Pair
from engine.models.resident import Resident
from engine.records.objectives import mixture
from engine.stages.checkpoints import WholeCheckpoints
from engine.stages.objectives.arguments import common_arguments, pair_rows, smoothing
from engine.stages.recovery import CutsPairs


class DirectTrainer(CutsPairs, WholeCheckpoints, DPOTrainer):  # type: ignore[misc]
    """TRL's DPOTrainer, its checkpoints whole and its pairs weighted."""


def direct_trainer(
    resident: Resident, pairs: Sequence[Pair], config: RunConfig, arguments: dict[str, Any], callback: TrainerCallback
) -> DirectTrainer:
    return DirectTrainer(
        model=resident.model,
        args=_arguments(config, arguments),
        train_dataset=Dataset.from_list(pair_rows(pairs)),
        processing_class=resident.tokenizer,
        callbacks=[callback],
    )


def dpo_arguments(config: RunConfig, resident: Resident, work: Path, seed: int) -> DPOConfig:
    """The config of a DPO training, for whoever builds TRL's own trainer."""
    return _arguments(config, common_arguments(config, resident, work, seed))


def _arguments(config: RunConfig, arguments: dict[str, Any]) -> DPOConfig:
    settings = config.training
    chosen = mixture(settings.loss_type)
    return DPOConfig(
        **arguments,
        loss_type=[one.name for one in chosen.objectives],
        loss_weights=[weight for weight, _ in chosen.terms],
        label_smoothing=smoothing(settings),
        discopop_tau=settings.discopop_tau,
    )
