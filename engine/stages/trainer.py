"""The trainer of an iteration's objective, on the resident model.

Two things that TRL leaves to its caller are settled here: which model is the reference, and what one trainer leaves
behind on the shared base for the next.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

from transformers import PrinterCallback, TrainerCallback

from engine.config.schema import RunConfig
from engine.data.task import Pair
from engine.errors import TrainingError
from engine.models.resident import Resident
from engine.records.objectives import mixture
from engine.stages.checkpoints import WholeCheckpoints
from engine.stages.objectives import TRAINERS
from engine.stages.objectives.arguments import WEIGHT, common_arguments
from engine.stages.recovery import CutsPairs

REFERENCE_ADAPTER = "ref"


def build_trainer(
    resident: Resident, pairs: Sequence[Pair], config: RunConfig, work: Path, seed: int, callback: TrainerCallback
) -> WholeCheckpoints:
    """A trainer of the policy now in `resident`, against the baseline or against that same policy (the parent).

    TRL copies the adapter that it is given into a frozen adapter `ref`. That copy *is* the parent. For the baseline it
    goes, since TRL then takes the base with its adapters disabled; and it goes for an objective that has no reference.
    Pairs are shown as often as their weights say.
    """
    objective = mixture(config.training.loss_type)
    arguments = common_arguments(config, resident, work, seed)
    trainer = TRAINERS[objective.family](resident, pairs, config, arguments, callback)
    trainer.weights = list(trainer.train_dataset[WEIGHT])
    trainer.room = resident.room
    trainer.remove_callback(PrinterCallback)
    if config.training.reference == "base" or not objective.reference:
        drop_reference(resident)
    if config.training.precompute_reference and objective.reference:
        _score_reference(trainer, resident, objective.name)
    return trainer


def _score_reference(trainer: WholeCheckpoints, resident: Resident, objective: str) -> None:
    if not isinstance(trainer, CutsPairs):
        raise TrainingError(
            f"training.precompute_reference does not go with {objective}: each step asks its reference for other rows",
            remedy="set training.precompute_reference to false",
        )
    trainer.score_reference()
    drop_reference(resident)  # it has said all that is asked of it


def release(resident: Resident) -> None:
    """Take off the shared model what a trainer left on it, so that the next trainer starts from a clean one.

    TRL refuses a model that still has an adapter `ref`, and wraps the base's `forward` again for each trainer.
    """
    drop_reference(resident)
    resident.model.get_base_model().__dict__.pop("forward", None)
    gc.collect()


def drop_reference(resident: Resident) -> None:
    """Without it, TRL takes the base for the reference."""
    if REFERENCE_ADAPTER in resident.model.peft_config:
        resident.model.delete_adapter(REFERENCE_ADAPTER)
