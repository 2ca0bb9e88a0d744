"""Fine-tune the SFT policy on examples: the run's own first, then the best of what the line's policies have said.

In: the parent's adapter, its `best.jsonl` and `sft.jsonl`. Out: `sft.jsonl`, what was imitated, and the adapter `sft/`,
where PPO begins and what it is held to. Only the answer's tokens count in the loss. It resumes from its last whole
checkpoint, as DPO does.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from engine.config.schema import SftConfig
from engine.data.imitation import Imitated, imitate
from engine.errors import DataError
from engine.models.slots import SFT, Slots
from engine.models.tokens import fitted, sequence_ids
from engine.records import Example
from engine.stages.boundary import Boundary
from engine.stages.job import Job
from engine.stages.pairs import BEST, EXAMPLES, read_examples, write_examples
from engine.stages.slot_training import SlotTrainer, in_training, live, longest, slot_arguments
from engine.stages.training import Training
from engine.store.atomic import staged
from engine.store.opinions import quarantined

IGNORED = -100  # the label of a token that the loss leaves out


class SftTrainer(SlotTrainer, SFTTrainer):  # type: ignore[misc]
    """TRL's SFTTrainer on the SFT slot, its checkpoints whole and its examples weighted."""


def run(job: Job) -> dict[str, Any]:
    with Slots(job.resident, SFT, seed=job.config.training.seed) as slots:
        slots.load(SFT, job.parent_adapter)
        if not job.config.sft.max_steps:
            job.say(
                "sft",
                f"no supervised fine-tuning (sft.max_steps = 0): {job.config.ppo.name} begins from the parent's policy",
            )
            _keep(job, slots)
            return {"steps": 0, "examples": 0}
        examples = _examples(job)
        job.helm.enter(job.index, SFT, "step", promise_s=300)
        training = training_of(job)
        with in_training(slots, SFT, job.config.model.gradient_checkpointing):
            step, folder = training.run(lambda boundary: build_trainer(job, slots, examples, training, boundary))
        slots.load(SFT, folder)
        _keep(job, slots)
        return {**training.result(step), "examples": len(examples)}


def training_of(job: Job) -> Training:
    settings = job.config.sft.model_dump(mode="json")
    return Training(job, SFT, settings, (job.work / EXAMPLES,), live(SftConfig, "the reward model"))


def build_trainer(
    job: Job, slots: Slots, examples: Sequence[Example], training: Training, boundary: Boundary
) -> SftTrainer:
    trainer = SftTrainer(
        model=job.resident.model,
        args=SFTConfig(**slot_arguments(job, job.config.sft, training.folder)),
        train_dataset=Dataset.from_list([_row(job, example) for example in examples]),
        processing_class=job.resident.tokenizer,
        callbacks=[boundary],
    )
    trainer.fit_out(slots, SFT, [example.weight for example in examples])
    return trainer


def _row(job: Job, example: Example) -> dict[str, list[int]]:
    """Token ids and labels: a conversation through the chat template, its last answer alone in the loss."""
    tokens = sequence_ids(job.resident.tokenizer, example.prompt, example.completion)
    cut = fitted(tokens, longest(job.resident, job.config.training.max_length))
    return {
        "input_ids": [*cut.prompt, *cut.completion],
        "labels": [IGNORED] * len(cut.prompt) + [*cut.completion],
    }


def _examples(job: Job) -> list[Example]:
    """What this iteration imitates: gathered once, then read from its file."""
    path, before = job.work / EXAMPLES, job.paths.iteration(job.parent)
    if path.exists():
        return read_examples(path)
    job.helm.enter(job.index, SFT, "example")
    found = imitate(
        job.task,
        job.config,
        job.index,
        best=read_examples(before / BEST),
        earlier=read_examples(before / EXAMPLES),
        out=quarantined(job.paths),
    )
    job.say("sft", _words(found))
    if not found.examples:
        raise DataError(
            f"iteration {job.index} has nothing to imitate: no examples, and its pairs are all left out",
            remedy="set sft.path to a file of examples, or sft.max_steps to 0 to leave supervised fine-tuning out",
        )
    write_examples(path, found.examples)
    return list(found.examples)


def _words(found: Imitated) -> str:
    sources = ", ".join(f"{count} {source}" for source, count in found.sources.items())
    dropped = ", ".join(f"{count} {name}" for name, count in found.dropped.items() if count)
    return f"{len(found.examples)} examples to imitate ({sources or 'none'})" + (f"; dropped {dropped}" * bool(dropped))


def _keep(job: Job, slots: Slots) -> None:
    shutil.rmtree(job.work / SFT, ignore_errors=True)  # of an attempt that died before it said that it was done
    with staged(job.work / SFT) as folder:
        slots.save(SFT, folder)
