"""Several trainings in one iteration: their steps are numbered on, and what was asked of one the next does not do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from engine.data.task import Pair
from engine.models.resident import Resident
from engine.stages import dpo, reward, sft
from engine.stages.job import Job
from engine.stages.pairs import PAIRS
from engine.store.atomic import staged
from engine.store.rows import Command
from tests.fixtures.jobs import first_job, small_task


@pytest.fixture
def job(runs: Path, resident: Resident, pairs: list[Pair]) -> Job:
    return first_job("sft: {max_steps: 9}", resident, small_task(pairs))


def test_an_end_that_was_asked_of_sft_does_not_end_the_reward_models_training(job: Job) -> None:
    """`gate` obeyed after step 4 binds to step 5, which is the reward model's first."""
    imitating = sft.training_of(job)
    job.ledger.apply(Command(7, "a", "gate"), 5, "training ends at step 4")
    assert [row.command.kind for row in imitating.past] == ["gate"]
    assert imitating._is_final(4, imitating.past)
    assert not imitating._is_final(3, imitating.past)
    job.ledger.stage_done(1, "sft", imitating.result(4))
    judging = reward.training_of(job)
    assert (judging.first_step, judging.past) == (4, [])
    assert not judging._is_final(1, judging.past)


def test_what_is_asked_of_the_reward_model_is_its_own(job: Job) -> None:
    job.ledger.apply(Command(7, "a", "set", {"learning_rate": 1e-3}), 2, "set")
    job.ledger.stage_done(1, "sft", sft.training_of(job).result(9))
    job.ledger.apply(Command(8, "b", "set", {"learning_rate": 5e-3}), 10, "set")
    judging = reward.training_of(job)
    assert [row.command.id for row in judging.past] == [8]
    assert judging.settings_at_end()["learning_rate"] == 5e-3
    assert job.ledger.stages(1)["sft"]["settings"]["learning_rate"] == 1e-3
    assert judging.first_step == 9


def test_a_checkpoint_of_another_stage_is_none_of_its_own(job: Job) -> None:
    job.ledger.checkpoint(1, 3, "sft/checkpoint-3", "whatever")
    assert reward.training_of(job).find_checkpoint() is None


def test_a_checkpoint_of_the_time_before_several_trainings_is_taken_up(job: Job) -> None:
    """Beside the others' folders, of the settings and the pairs alone, as older runs have it on record."""
    job.work.mkdir(parents=True, exist_ok=True)
    (job.work / PAIRS).write_bytes(b"{}\n")
    settings = json.dumps(job.config.training.model_dump(mode="json"), sort_keys=True)
    older = hashlib.sha256(settings.encode() + b"{}\n").hexdigest()
    place = job.paths.checkpoints(1) / "checkpoint-3"
    with staged(place) as folder:
        (folder / "weights").write_bytes(b"w")
    job.ledger.checkpoint(1, job.first_step + 3, "checkpoint-3", older)
    assert dpo.training_of(job).find_checkpoint() == (3, place)
    assert dpo.training_of(job).folder == job.paths.checkpoints(1)
    (job.work / PAIRS).write_bytes(b"[]\n")
    assert dpo.training_of(job).find_checkpoint() is None, "a checkpoint of other pairs"
