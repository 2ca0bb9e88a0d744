"""Supervised fine-tuning: only the SFT slot learns, only from answers, and a kill costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.data.task import Pair
from engine.errors import DataError
from engine.evaluation.forward import completion_logprobs
from engine.models.resident import Resident
from engine.models.slots import SFT, Slots
from engine.models.tokens import sequence_ids
from engine.records import Example
from engine.stages import sft
from engine.stages.job import Job
from engine.stages.pairs import BEST, EXAMPLES, read_examples, write_examples
from tests.fixtures.jobs import KilledError, first_job, kill_at, next_attempt, rows, run_stage, small_task, weights

CONFIG = """
data: {near_duplicate: 1}
training: {max_length: 64}
sft: {max_steps: 6, learning_rate: 1e-2, batch_size: 4, checkpoint_steps: 2}
"""
Make = Callable[..., Job]


@pytest.fixture
def make(runs: Path, resident: Resident, pairs: list[Pair]) -> Make:
    def made(config: str = CONFIG, name: str = "run", pairs: list[Pair] = pairs) -> Job:
        return first_job(config, resident, small_task(pairs), name)

    return made


def everything(resident: Resident) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in resident.model.named_parameters()}


@pytest.mark.slow
def test_it_imitates_the_chosen_sides_and_changes_nothing_but_its_slot(make: Make, resident: Resident) -> None:
    job = make()
    before = everything(resident)
    result = run_stage(job, "sft", sft.run)
    assert (result["steps"], result["examples"]) == (6, 32)
    after = everything(resident)
    assert before.keys() == after.keys(), "the slot is gone again"
    assert all(torch.equal(tensor, before[name]) for name, tensor in after.items())
    said = [sequence_ids(resident.tokenizer, e.prompt, e.completion) for e in read_examples(job.work / EXAMPLES)]
    untaught = sum(completion_logprobs(resident, said, 64))
    resident.load_policy(job.work / SFT)
    assert sum(completion_logprobs(resident, said, 64)) > untaught + 10
    loss = rows(job, "loss")  # under TRL's names
    assert sorted(loss) == [1, 2, 3, 4, 5, 6]
    assert loss[6] < loss[1]
    assert rows(job, "mean_token_accuracy").keys() == loss.keys()


@pytest.mark.slow
def test_a_killed_training_ends_where_an_undisturbed_one_does(make: Make, resident: Resident) -> None:
    whole, job = make(name="whole"), make(name="killed")
    run_stage(whole, "sft", sft.run)
    kill_at(job, SFT, 5)
    with pytest.raises(KilledError):
        sft.run(job)
    assert set(resident.model.peft_config) == {"default"}
    again = next_attempt(job)
    run_stage(again, "sft", sft.run)
    assert weights(again.work / SFT) == weights(whole.work / SFT)
    assert rows(again, "loss") == rows(whole, "loss")
    assert sft.training_of(again).find_checkpoint() is not None
    write_examples(again.work / EXAMPLES, read_examples(again.work / EXAMPLES)[:8])
    assert sft.training_of(again).find_checkpoint() is None, "a checkpoint of other examples"


def test_the_parents_best_come_before_the_runs_own_data(make: Make) -> None:
    job = make("sft: {replay: 1}")
    parent = job.paths.iteration(0)
    write_examples(parent / BEST, [Example("ask : hello ? reply :", " please reset it .", source="best")])
    write_examples(parent / EXAMPLES, [Example("ask : why ? reply :", " thanks .", source="demonstration", born=0)])
    assert [(each.source, each.born) for each in sft._examples(job)] == [("best", 1), ("demonstration", 0)]
    assert read_examples(job.work / EXAMPLES) == sft._examples(job)


def test_an_example_of_no_weight_is_never_shown(make: Make, pairs: list[Pair]) -> None:
    job = make(pairs=[replace(pair, quality=float(i < 8)) for i, pair in enumerate(pairs)])
    examples = sft._examples(job)
    boundary = sft.training_of(job)._boundary([])
    with Slots(job.resident, SFT) as slots, slots.trainable(SFT):
        trainer = sft.build_trainer(job, slots, examples, sft.training_of(job), boundary)
        shown = {examples[i].quality for i in trainer._get_train_sampler()}
    assert shown == {1.0}


def test_no_steps_leave_the_parents_policy_as_it_is(make: Make) -> None:
    job = make("sft: {max_steps: 0}")
    assert run_stage(job, "sft", sft.run)["steps"] == 0
    assert weights(job.work / SFT) == weights(job.parent_adapter)


def test_nothing_to_imitate_is_told_with_a_way_out(make: Make) -> None:
    with pytest.raises(DataError, match=r"nothing to imitate[\s\S]*sft\.path"):
        sft.run(make(pairs=[]))


def test_only_the_answer_counts_in_the_loss_and_in_a_conversation_only_the_last_one(make: Make) -> None:
    job = make()
    tokenizer = job.resident.tokenizer
    row = sft._row(job, Example("ask : why ? reply :", " please reset the lamp ."))
    learnt = [token for token in row["labels"] if token != sft.IGNORED]
    assert tokenizer.decode(learnt).split() == ["please", "reset", "the", "lamp", ".", tokenizer.eos_token]
    assert row["input_ids"][-len(learnt) :] == learnt
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }} {{ eos_token }} {% endfor %}"
    talk = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "ugh"},
        {"role": "user", "content": "why ?"},
    ]
    row = sft._row(job, Example(talk, "please reset the lamp"))
    learnt = [token for token in row["labels"] if token != sft.IGNORED]
    assert tokenizer.decode(learnt).split() == ["please", "reset", "the", "lamp", tokenizer.eos_token]


def test_a_prompt_that_is_too_long_loses_its_beginning(make: Make) -> None:
    job = make("training: {max_length: 8}")
    row = sft._row(job, Example("ask : " + "why ? " * 30 + "reply :", " please reset it ."))
    assert len(row["input_ids"]) == 8
    assert sum(label != sft.IGNORED for label in row["labels"]) == 5
