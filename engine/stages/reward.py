"""Train the reward model on judged pairs, have it graded, and keep both.

In: `sft/`, whose samples are judged, and the parent's `reward/`. Out: the iteration's pairs as the dpo recipe leaves
them, and `reward/` in the work folder: the adapter with its head, and `report.json`. A reward model that the config
names is graded in the same way and not trained. It resumes from its last whole checkpoint, as DPO does.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from datasets import Dataset
from trl import RewardConfig as Arguments
from trl import RewardTrainer

from engine.config.schema import RewardConfig
from engine.data.imitation import summary
from engine.data.task import Pair
from engine.models.resident import POLICY
from engine.models.scoring import SlotClassifier
from engine.models.slots import HEAD, REWARD, SFT, Slots
from engine.models.tokens import sequence_ids
from engine.stages import collect, filter  # noqa: A004  (a stage's name)
from engine.stages.boundary import Boundary
from engine.stages.grading import (
    Grades,
    grade,
    margins_of_classifier,
    margins_of_slot,
    require_frozen_pairs,
    write_report,
)
from engine.stages.job import Job
from engine.stages.pairs import EXAMPLES, MANIFEST, PAIRS, add_to_manifest, read_examples, read_pairs
from engine.stages.recovery.pairs import take_pairs
from engine.stages.slot_training import SlotTrainer, in_training, live, longest, slot_arguments
from engine.stages.training import Training
from engine.store.atomic import staged


class RewardModelTrainer(SlotTrainer, RewardTrainer):  # type: ignore[misc]
    """TRL's RewardTrainer on the reward slot, its checkpoints whole and its pairs weighted.

    Its loss is a plain mean over pairs, so that a batch that does not fit in memory may be cut.
    """

    def parts_in(self, inputs: dict[str, Any]) -> int:
        return len(inputs["input_ids"]) // 2

    def take(self, inputs: dict[str, Any], start: int, end: int) -> dict[str, Any]:
        return take_pairs(inputs, start, end)


def run(job: Job) -> dict[str, Any]:
    require_frozen_pairs(job)
    pairs = _pairs(job)
    name = job.config.reward.model
    if name:
        _keep(job, grade(job, margins_of_classifier(job, name)))
        return {"steps": 0, "pairs": len(pairs), "model": name}
    with Slots(job.resident, REWARD, seed=job.config.training.seed) as slots:
        _begin(job, slots)
        training, taught = training_of(job), turned(pairs, job.config.reward.label_noise, job.config.training.seed)
        job.helm.enter(job.index, REWARD, "step", promise_s=300)
        with in_training(slots, REWARD, job.config.model.gradient_checkpointing):
            step, folder = training.run(lambda boundary: build_trainer(job, slots, taught, training, boundary))
        slots.load(REWARD, folder)
        away = [pair for pair, told in zip(pairs, taught, strict=True) if told is not pair]
        _keep(job, grade(job, margins_of_slot(job, slots), away), slots)
        return {**training.result(step), "pairs": len(pairs), "turned": len(away)}


def training_of(job: Job) -> Training:
    settings = job.config.reward.model_dump(mode="json")
    return Training(job, REWARD, settings, (job.work / PAIRS,), live(RewardConfig, job.config.ppo.name))


def build_trainer(
    job: Job, slots: Slots, pairs: Sequence[Pair], training: Training, boundary: Boundary
) -> RewardModelTrainer:
    section = job.config.reward
    arguments = {**slot_arguments(job, section, training.folder), "bf16": False}  # autocast would take the head along
    trainer = RewardModelTrainer(
        model=SlotClassifier(slots),
        args=Arguments(**arguments, center_rewards_coefficient=section.centre or None, disable_dropout=False),
        train_dataset=Dataset.from_list([_row(job, pair) for pair in pairs]),
        processing_class=job.resident.tokenizer,
        callbacks=[boundary],
    )
    trainer.fit_out(slots, REWARD, [pair.weight for pair in pairs])
    return trainer


def turned(pairs: Sequence[Pair], share: float, seed: int) -> list[Pair]:
    """The pairs, `share` of them with their sides exchanged: the same ones in every iteration that has them."""

    def told(pair: Pair) -> Pair:
        if Random(f"noise:{seed}:{pair.id}").random() >= share:
            return pair
        return replace(pair, chosen=pair.rejected, rejected=pair.chosen)

    return [told(pair) for pair in pairs]


def _pairs(job: Job) -> list[Pair]:
    """The iteration's pairs, sampled from the SFT policy and judged: gathered once, then read from their file."""
    if not (job.work / MANIFEST).exists():
        collect.run(job, adapter=job.work / SFT)
        filter.run(job)
    add_to_manifest(job.work, sft=summary(read_examples(job.work / EXAMPLES)))
    return read_pairs(job.work / PAIRS)


def _begin(job: Job, slots: Slots) -> None:
    """Where the slot's weights come from."""
    before, start = job.paths.iteration(job.parent) / REWARD, job.config.reward.start
    if start == "parent" and (before / HEAD).exists():
        slots.load(REWARD, before)
    elif start != "base":
        job.resident.load_policy(job.work / SFT)
        slots.copy(POLICY, REWARD)


def _row(job: Job, pair: Pair) -> dict[str, list[int]]:
    """Token ids of both sides. Of a text that is too long the beginning goes: the score is read at its end."""
    limit = longest(job.resident, job.config.training.max_length)
    ids = {}
    for name, side in (("chosen_ids", pair.chosen), ("rejected_ids", pair.rejected)):
        tokens = sequence_ids(job.resident.tokenizer, pair.prompt, side)
        ids[name] = [*tokens.prompt, *tokens.completion][-limit:]
    return ids


def _keep(job: Job, grades: Grades, slots: Slots | None = None) -> None:
    shutil.rmtree(job.work / REWARD, ignore_errors=True)  # of an attempt that died before it said that it was done
    with staged(job.work / REWARD) as folder:
        if slots:
            slots.save(REWARD, folder)
        write_report(folder, grades)
