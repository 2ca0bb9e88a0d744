"""RLOO and GRPO: TRL's trainers on the policy's slot, with the stage contract of all the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import TrainerControl

from engine.config import parse_config
from engine.config.schema import ModelConfig
from engine.data.task import Pair, Prompt
from engine.errors import ConfigError
from engine.models.generate import Completion
from engine.models.load import load_resident
from engine.models.resident import POLICY, Resident
from engine.models.slots import REWARD, SFT, Slots
from engine.records import HELD_OUT_JUDGE
from engine.stages import group, policy
from engine.stages.group_trainer import GroupTrainer, WholeUpdates, drawn, micro_batch
from engine.stages.job import Job
from engine.store.atomic import staged
from engine.store.reader import Reader
from tests.fixtures.jobs import KilledError, first_job, kill_at, next_attempt, rows, run_stage, small_task, weights
from tests.fixtures.tight import tight
from tests.fixtures.untrained import stir

pytestmark = pytest.mark.slow

CONFIG = """
recipe: rlhf
training: {{beta: 0.05, learning_rate: 1e-3, max_steps: {updates}, batch_size: 16, max_length: 64,
  checkpoint_steps: 1, scheduler: constant}}
ppo: {{algorithm: {algorithm}, rollouts: 64, group: 8, minibatch: 16, epochs: 2, max_new_tokens: 6, check_every: 2,
  check_prompts: 4, missing_eos: 0, keep: last}}
evaluation: {{prompts: 4, kl_probe_share: 0}}
"""
BOTH = pytest.mark.parametrize("algorithm", ["rloo", "grpo"])
Make = Callable[..., Job]


class LikesLowTokens:
    """A proxy whose taste an untrained policy can learn in a few updates."""

    def __init__(self, *_: Any) -> None: ...

    def __call__(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float]:
        return [4 * sum(token < 60 for token in each.ids) / len(each.ids) - 2 for each in completions]


@pytest.fixture(scope="module")
def resident(base: Path) -> Resident:
    """LoRA's scale is 8, so that a few steps move it."""
    return load_resident(ModelConfig(device="cpu", lora_alpha=128), 0, base)


@pytest.fixture
def make(runs: Path, resident: Resident, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> Make:
    """Iteration 1 after its SFT and its reward stage."""
    monkeypatch.setattr(group, "Proxy", LikesLowTokens)
    monkeypatch.setattr(group, "read_evaluation", lambda *_: None)
    monkeypatch.setattr(group, "require_reward_model", lambda _: None)

    def made(algorithm: str, updates: int = 2, name: str = "run", **model: Any) -> Job:
        resident.reset_policy(0)
        stir(resident)
        job = first_job(CONFIG.format(algorithm=algorithm, updates=updates), resident, small_task(pairs), name)
        job = replace(job, config=job.config.model_copy(update={"model": job.config.model.model_copy(update=model)}))
        with Slots(resident, SFT, REWARD) as slots:
            for slot in (SFT, REWARD):
                with staged(job.work / slot) as folder:
                    slots.copy(POLICY, slot)
                    slots.save(slot, folder)
        return job

    return made


@BOTH
def test_what_is_rewarded_becomes_likelier_and_the_policy_alone_changes(make: Make, algorithm: str) -> None:
    job = make(algorithm, updates=3)
    before = {name: tensor.clone() for name, tensor in job.resident.model.named_parameters()}
    result = run_stage(job, "ppo", policy.run)
    reward = rows(job, "reward")
    assert list(reward) == [8, 16, 24]  # TRL's steps: two passes over four minibatches an update
    assert (result["steps"], result["algorithm"], result["chosen"]) == (24, algorithm, 3)
    assert reward[24] > reward[8] + 0.15
    assert {"kl", "entropy", "objective/scores", "beta", "completions/mean_length"} <= _names(job)
    assert list(rows(job, HELD_OUT_JUDGE)) == [16, 24]
    after = dict(job.resident.model.named_parameters())
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(".default." in name for name in changed)
    assert after.keys() == before.keys(), "no slot and no reference is left behind"
    assert weights(job.work / SFT) != weights(job.work / "adapter")
    with Reader(job.paths.ledger) as reader:
        said = [event.text for event in reader.events()]
    assert any(text.startswith(f"{algorithm.upper()}: update 3 of 3 is kept") for text in said)
    assert any(text.startswith(f"{algorithm}, step 24: checkpoint") for text in said)


def test_a_kill_changes_nothing(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calm = make("grpo")
    run_stage(calm, "ppo", policy.run)
    monkeypatch.setenv("PILOTHOUSE_RUNS", str(tmp_path / "war"))
    (tmp_path / "war").mkdir()
    job = make("grpo")
    kill_at(job, "grpo", 12)
    with pytest.raises(KilledError):
        run_stage(job, "ppo", policy.run)
    job = next_attempt(job)
    run_stage(job, "ppo", policy.run)
    assert rows(job, "reward") == rows(calm, "reward")
    assert weights(job.work / "adapter") == weights(calm.work / "adapter")


def test_beta_turned_at_a_boundary_acts_and_an_end_comes_after_a_whole_update(make: Make) -> None:
    job = make("rloo", updates=3)
    told = job.helm.progress

    def progress(done: int, total: int) -> None:
        told(done, total)
        if job.helm.knobs is not None and done == 3:
            assert job.helm.knobs.turn({"beta": 0.5, "learning_rate": 5e-4}) == (
                "beta 0.05 → 0.5, learning_rate 0.001 → 0.0005"
            )
        if job.helm.knobs is not None and done == 10:
            job.helm.knobs.finish()

    job.helm.progress = progress  # type: ignore[method-assign]
    assert run_stage(job, "ppo", policy.run)["steps"] == 16
    assert rows(job, "beta") == {8: 0.5, 16: 0.5}
    assert rows(job, "learning_rate")[16] == pytest.approx(5e-4)


@BOTH
@pytest.mark.parametrize("when", ["forward", "backward, recomputed"])
def test_a_minibatch_in_parts_has_the_same_gradients(
    make: Make, algorithm: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first optimizer step's, on a card where four samples fit and not the whole minibatch of sixteen."""
    whole, failures, _ = first_gradients(make(algorithm), "forward", 99, monkeypatch)
    assert failures == 0
    job = make(algorithm, name="tight", gradient_checkpointing="recomputed" in when)
    parts, failures, told = first_gradients(job, when.split(",")[0], 4, monkeypatch)
    assert failures == 2  # sixteen, eight
    assert "4 sequences at a time" in told[-1]
    for mine, right in zip(parts, whole, strict=True):
        assert float((mine - right).norm()) <= 1e-5 * float(right.norm()) + 1e-9


def first_gradients(
    job: Job, when: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[torch.Tensor], int, list[str]]:
    """The policy's, how often memory ran out in a training forward or backward, and what was told."""
    caught: list[torch.Tensor] = []

    def instead_of_a_step(trainer: GroupTrainer, *_: Any) -> None:
        caught.extend(p.grad.clone() for p in trainer.slots.parameters(POLICY))
        raise KilledError

    def fits(rows: int, _: int) -> bool:
        return rows <= most or (when == "forward" and not torch.is_grad_enabled())

    told: list[str] = []
    monkeypatch.setattr(job.resident.room, "tell", told.append)
    monkeypatch.setattr(GroupTrainer, "_clip_grad_norm", instead_of_a_step, raising=False)
    with tight(job.resident.model, fits, when) as card, pytest.raises(KilledError):
        policy.run(job)
    return caught, card.failures, told


def test_what_is_asked_for_between_two_steps_of_an_update_waits_for_its_last() -> None:
    callback, control = WholeUpdates(4), TrainerControl(should_save=True, should_training_stop=True)
    for step in (5, 6, 7):
        callback.on_step_end(None, SimpleNamespace(global_step=step), control)
        assert not control.should_save
        assert not control.should_training_stop
    callback.on_step_end(None, SimpleNamespace(global_step=8), control)
    assert control.should_save
    assert control.should_training_stop


def test_prompts_are_drawn_by_weight_and_none_twice_in_an_update() -> None:
    found = drawn([1.0, 1.0, 6.0, 0.0], 2, 300, seed=1)
    updates = list(zip(found[::2], found[1::2], strict=True))
    assert all(first != second for first, second in updates)
    assert 3 not in found
    assert found.count(2) > 1.5 * found.count(0)
    assert drawn([1.0], 3, 1, seed=1) == [0, 0, 0]


def test_a_forward_is_an_equal_part_of_a_minibatch() -> None:
    assert [micro_batch(64, 64), micro_batch(64, 100), micro_batch(48, 32), micro_batch(7, 4)] == [64, 64, 24, 1]


def test_groups_that_do_not_come_out_even_are_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="rollouts must be a multiple of group for RLOO: 128 is none of 3"):
        parse_config("ppo: {algorithm: rloo, group: 3}")
    with pytest.raises(ConfigError, match="a multiple of minibatch for GRPO"):
        parse_config("ppo: {algorithm: grpo, minibatch: 48}")
    assert parse_config("ppo: {minibatch: 48}").ppo.name == "PPO"
    assert parse_config("ppo: {algorithm: rloo, target_kl: 3, clip: 0.1}").ppo.idle == ("target_kl",)


def _names(job: Job) -> set[str]:
    with Reader(job.paths.ledger) as reader:
        return set(reader.names())
