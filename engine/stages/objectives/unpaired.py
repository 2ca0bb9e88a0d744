"""KTO (Ethayarajh et al., arXiv 2402.01306) by TRL's trainer: each side of a pair for itself, as desirable or not.

Its KL term asks how likely a completion has become after prompts that it does not belong to. TRL pairs these up once,
by place in the file, and so must show rows in one fixed order for ever. Here they come from the batch itself, whatever
is in it, so that every epoch is shuffled anew and weights act.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import KTOConfig, KTOTrainer
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference

from engine.config.schema import RunConfig
from engine.data.task import Pair
from engine.models.resident import Resident
from engine.stages.checkpoints import WholeCheckpoints
from engine.stages.objectives.arguments import WEIGHT
from engine.stages.recovery import SurvivesOom
from engine.stages.sampler import WeightedEpochs


class Mismatched(DataCollatorForUnpairedPreference):  # type: ignore[misc]
    """Gives each row of a batch its neighbour's completion to estimate KL with."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        others = [example["completion_ids"] for example in examples]
        turned = zip(examples, others[-1:] + others[:-1], strict=True)
        batch: dict[str, Any] = super().torch_call([
            {**example, "KL_completion_ids": other} for example, other in turned
        ])  # fmt: skip
        return batch


class _Shuffled(KTOTrainer):  # type: ignore[misc]
    """TRL's KTOTrainer, its rows in a new order every epoch."""

    def _get_train_sampler(self, train_dataset: Any = None) -> WeightedEpochs:
        return WeightedEpochs([1.0] * len(self.train_dataset), self.args.seed)


class UnpairedTrainer(SurvivesOom, WholeCheckpoints, _Shuffled):
    """Its checkpoints whole and its rows weighted."""


def unpaired_trainer(
    resident: Resident, pairs: Sequence[Pair], config: RunConfig, arguments: dict[str, Any], callback: TrainerCallback
) -> UnpairedTrainer:
    """`batch_size` counts pairs, so a micro-step shows twice as many rows: as many completions as DPO's."""
    settings, tokenizer = config.training, resident.tokenizer
    return UnpairedTrainer(
        model=resident.model,
        args=KTOConfig(
            **{**arguments, "per_device_train_batch_size": 2 * settings.batch_size},
            desirable_weight=settings.desirable_weight,
            undesirable_weight=settings.undesirable_weight,
        ),
        data_collator=Mismatched(pad_token_id=tokenizer.pad_token_id, max_length=settings.max_length),
        train_dataset=Dataset.from_list(unpaired_rows(pairs)),
        processing_class=tokenizer,
        callbacks=[callback],
    )


def unpaired_rows(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Two rows a pair: prompt, completion, whether it is the good one, and the pair's weight."""
    rows = [pair.row() for pair in pairs]
    return [
        {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen", WEIGHT: pair.weight}
        for row, pair in zip(rows, pairs, strict=True)
        for side in ("chosen", "rejected")
    ]
