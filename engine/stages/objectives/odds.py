"""ORPO (Hong et al., arXiv 2403.07691) by TRL's trainer: likelihood of the chosen, and the odds against the rejected.

It knows no reference: `training.reference` says nothing here, and KL to the baseline is only measured. TRL's beta is
the paper's λ, and its `rewards/*` are beta times the length-normalised log-probability, not a log-ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from engine.config.schema import RunConfig
from engine.data.task import Pair
from engine.models.resident import Resident
from engine.stages.checkpoints import WholeCheckpoints
from engine.stages.objectives.arguments import pair_rows
from engine.stages.recovery import SurvivesOom


class OddsTrainer(SurvivesOom, WholeCheckpoints, ORPOTrainer):  # type: ignore[misc]
    """TRL's ORPOTrainer, its checkpoints whole and its pairs weighted."""

    def size_of(self, inputs: dict[str, Any]) -> tuple[int, int]:
        sides = [inputs["chosen_input_ids"].shape, inputs["rejected_input_ids"].shape]
        return sum(rows for rows, _ in sides), max(width for _, width in sides)


def odds_trainer(
    resident: Resident, pairs: Sequence[Pair], _: RunConfig, arguments: dict[str, Any], callback: TrainerCallback
) -> OddsTrainer:
    return OddsTrainer(
        model=resident.model,
        args=ORPOConfig(**arguments, remove_unused_columns=False),
        train_dataset=Dataset.from_list(pair_rows(pairs)),
        processing_class=resident.tokenizer,
        callbacks=[callback],
    )
