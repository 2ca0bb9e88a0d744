"""The reward stage: only the reward slot learns, it is graded on pairs that it never saw, and a kill costs nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.config import parse_config
from engine.config.schema import ModelConfig, RewardConfig
from engine.data.judging import make_judges
from engine.data.task import Pair
from engine.data.world import corpus
from engine.errors import ConfigError, DataError, ModelError, TrainingError
from engine.judges.base import Judge
from engine.models.load import load_resident
from engine.models.resident import Resident
from engine.models.scoring import SlotClassifier
from engine.models.slots import HEAD, JUDGE, REWARD, SFT, Slots
from engine.records import Example
from engine.stages import reward
from engine.stages.aboard import aboard
from engine.stages.grading import REPORT, read_report, read_reward_metrics, require_reward_model
from engine.stages.job import Job
from engine.stages.pairs import EXAMPLES, MANIFEST, PAIRS, read_pairs, write_examples
from engine.stages.slot_training import live
from engine.store.atomic import staged
from tests.fixtures.jobs import KilledError, first_job, kill_at, next_attempt, rows, run_stage, small_task, weights
from tests.fixtures.reward_model import write_reward_model

CONFIG = """
data: {source: file, path: pairs.jsonl, near_duplicate: 1, min_pairs: 4, replay: 1}
training: {max_length: 64}
reward: {max_steps: 8, learning_rate: 1e-2, batch_size: 8, checkpoint_steps: 3, start: base, min_accuracy: 0.6}
"""
GOOD, BAD = " hello , please reset the lamp .", " ugh , whatever , ugh ."
Make = Callable[..., Job]


@pytest.fixture(scope="module")
def held_out() -> list[Pair]:
    asks = corpus.split().held_out[:24]
    return [Pair(prompt, GOOD, BAD, ("home", "office")[i % 2], 1.0) for i, (prompt, _) in enumerate(asks)]


@pytest.fixture
def make(runs: Path, resident: Resident, held_out: list[Pair]) -> Make:
    def made(config: str = CONFIG, name: str = "run", held_out: list[Pair] = held_out) -> Job:
        return make_job(config, resident, held_out, name)

    return made


def make_job(config: str, resident: Resident, held_out: list[Pair], name: str) -> Job:
    """Iteration 1 after its SFT stage."""
    taught = [Pair(prompt, GOOD, BAD, gap=1.0, source="file") for prompt, _ in corpus.split().train[:32]]
    job = first_job(config, resident, small_task(taught, held_out), name)
    with staged(job.work / SFT) as folder:
        resident.save_policy(folder)
    return job


@pytest.fixture(scope="module")
def trained(base: Path, held_out: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A job whose reward stage is done; for tests that only look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PILOTHOUSE_RUNS", str(tmp_path_factory.mktemp("runs")))
        job = make_job(CONFIG, load_resident(ModelConfig(device="cpu"), 0, base), held_out, "trained")
        job.ledger.stage_done(1, SFT, {"steps": 20})
        run_stage(job, "reward", reward.run)
        yield job


def with_reward(job: Job, **changed: Any) -> Job:
    """The same job under other keys of the reward section."""
    section = RewardConfig(**{**job.config.reward.model_dump(), **changed})
    return replace(job, config=job.config.model_copy(update={"reward": section}))


def test_it_learns_the_preference(trained: Job) -> None:
    result = trained.ledger.stages(1)["reward"]
    assert (result["steps"], result["pairs"], result["turned"]) == (8, 32, 0)
    report = read_report(trained.work)
    assert report.accuracy.value > 0.9
    assert set(report.categories) == {"home", "office"}
    require_reward_model(trained)
    assert set(trained.resident.model.peft_config) <= {"default", JUDGE}, "its slot is gone again"


@pytest.mark.slow
def test_in_training_no_tensor_but_the_slots_own_moves(make: Make, resident: Resident) -> None:
    """Tensor by tensor, with the SFT slot and the policy beside it on the same trunk."""
    job = make()
    pairs = reward._pairs(job)
    with Slots(resident, SFT, REWARD) as slots:
        frozen = {name: tensor.detach().clone() for name, tensor in SlotClassifier(slots).named_parameters()}
        training = reward.training_of(job)
        with reward.in_training(slots, REWARD, False):
            training.run(lambda boundary: reward.build_trainer(job, slots, pairs, training, boundary))
        moved = {n for n, tensor in SlotClassifier(slots).named_parameters() if not torch.equal(tensor, frozen[n])}
    assert moved
    assert all(name.startswith("head.") or f".{REWARD}." in name for name in moved)
    assert {"head.weight", "head.bias"} <= moved


def test_its_metrics_are_filed_under_trls_names_after_the_sft_steps(trained: Job) -> None:
    loss = rows(trained, "loss")
    assert sorted(loss) == list(range(21, 29))
    assert loss[28] < loss[21]
    assert rows(trained, "accuracy").keys() == rows(trained, "margin").keys() == loss.keys()


@pytest.mark.slow
def test_a_killed_training_ends_where_an_undisturbed_one_does(make: Make) -> None:
    whole, job = make(name="whole"), make(name="killed")
    run_stage(whole, "reward", reward.run)
    kill_at(job, REWARD, 5)
    with pytest.raises(KilledError):
        reward.run(job)
    again = next_attempt(job)
    run_stage(again, "reward", reward.run)
    assert weights(again.work / REWARD) == weights(whole.work / REWARD)
    assert rows(again, "loss") == rows(whole, "loss")


@pytest.mark.slow
def test_checkpointing_changes_memory_and_not_what_is_learnt(make: Make) -> None:
    plain, job = make(name="plain"), make(name="checkpointing")
    job = replace(
        job,
        config=job.config.model_copy(
            update={"model": job.config.model.model_copy(update={"gradient_checkpointing": True})}
        ),
    )
    for each in (plain, job):
        run_stage(with_reward(each, max_steps=2), "reward", reward.run)
    mine, other = weights(job.work / REWARD), weights(plain.work / REWARD)
    assert all(mine[name] == pytest.approx(other[name], abs=1e-5) for name in other)


def test_it_goes_on_from_the_parents_reward_model_or_begins_anew(make: Make, trained: Job) -> None:
    job = make()
    shutil.copytree(trained.work / REWARD, job.paths.iteration(0) / REWARD)
    with Slots(job.resident, REWARD) as slots:
        fresh = [tensor.clone() for tensor in slots.parameters(REWARD)]
        reward._begin(job, slots)
        assert all(torch.equal(a, b) for a, b in zip(fresh, slots.parameters(REWARD), strict=True))
        reward._begin(with_reward(job, start="parent"), slots)
        assert not all(torch.equal(a, b) for a, b in zip(fresh, slots.parameters(REWARD), strict=True))


@pytest.mark.slow
def test_labels_turned_round_are_few_known_and_do_not_reach_the_file(make: Make) -> None:
    job = with_reward(make(), label_noise=0.25, max_steps=1)
    result = run_stage(job, "reward", reward.run)
    assert 2 <= result["turned"] <= 14
    assert all(pair.chosen == GOOD for pair in read_pairs(job.work / PAIRS))
    report = read_report(job.work)
    assert report.flipped is not None
    assert report.flipped.n == result["turned"]


def test_the_same_labels_are_turned_in_every_iteration() -> None:
    pairs = [Pair(f"prompt {i}", "good", "bad") for i in range(400)]
    once, later = reward.turned(pairs, 0.1, 3), reward.turned(pairs[200:], 0.1, 3)
    assert once[200:] == later
    assert 20 < sum(pair.chosen == "bad" for pair in once) < 60
    assert reward.turned(pairs, 0.0, 3) == pairs


def test_the_manifest_says_what_was_imitated_too(make: Make) -> None:
    job = make()
    write_examples(job.work / EXAMPLES, [Example("why ?", "because", "chat", "best", weight=2.0, born=1)])
    for _ in range(2):  # as after a kill
        reward._pairs(job)
    manifest = json.loads((job.work / MANIFEST).read_text("utf-8"))
    assert manifest["sft"] == {"examples": 1, "sources": {"best": 1}, "born": {"1": 1}, "weights": {"chat": 1.0}}
    assert manifest["pairs"] == 32


def test_ppo_is_refused_where_the_lower_bound_is_too_low(trained: Job) -> None:
    with pytest.raises(TrainingError, match="PPO is refused"):
        require_reward_model(with_reward(trained, min_accuracy=0.99))


def test_the_metric_for_the_rules_comes_with_its_items(trained: Job, tmp_path: Path) -> None:
    assert read_reward_metrics(tmp_path) == {}
    metric = read_reward_metrics(trained.work)["reward_accuracy"]
    assert metric.n == len(metric.items or ()) == 24
    assert metric.categories is not None
    assert metric.categories[:2] == ("home", "office")


def test_a_named_classifier_is_graded_and_not_trained(make: Make, tmp_path: Path) -> None:
    write_reward_model(tmp_path / "classifier")
    job = with_reward(make(), model=str(tmp_path / "classifier"))
    result = run_stage(job, "reward", reward.run)
    assert result["steps"] == 0
    assert not (job.work / REWARD / HEAD).exists()
    assert read_report(job.work).accuracy.n == 24


def test_nothing_to_grade_on_is_told_with_a_way_out(make: Make) -> None:
    with pytest.raises(DataError, match=r"no held-out pairs[\s\S]*data\.path"):
        reward.run(make(held_out=[]))


def test_a_live_learning_rate_has_the_sections_own_bounds() -> None:
    rules, settings = live(RewardConfig, "PPO"), RewardConfig().model_dump(mode="json")
    assert rules.names == ("learning_rate",)
    assert rules.check("learning_rate", "5e-3", settings) == 5e-3  # five times what DPO may have
    with pytest.raises(ConfigError):
        rules.check("learning_rate", "2", settings)


class TestAsAJudge:
    """The folder that the stage leaves is a judge on the same base, in this run or in another."""

    @pytest.fixture
    def judge(self, trained: Job, held_out: list[Pair]) -> Iterator[Judge]:
        yield judge_of(trained, trained.work / REWARD, held_out)
        trained.resident.model.delete_adapter(JUDGE)

    def test_it_scores_as_the_stage_did(self, judge: Judge, trained: Job, held_out: list[Pair]) -> None:
        items = [(str(pair.prompt), side) for pair in held_out for side in (pair.chosen, pair.rejected)]
        scores = judge.scores(items)
        hits = [float(mine > other) for mine, other in zip(scores[::2], scores[1::2], strict=True)]
        assert tuple(hits) == read_reward_metrics(trained.work)["reward_accuracy"].items
        assert judge.compare(str(held_out[0].prompt), held_out[0].chosen, held_out[0].rejected) == hits[0]

    def test_it_says_the_same_whatever_the_policy_is(self, judge: Judge, trained: Job, held_out: list[Pair]) -> None:
        asked = (str(held_out[0].prompt), GOOD)
        before = judge.score(*asked)
        trained.resident.load_policy(trained.work / REWARD)  # an adapter that is not the baseline's
        assert judge.score(*asked) == before
        trained.resident.load_policy(trained.parent_adapter)

    def test_a_head_for_another_model_is_refused(
        self, make: Make, trained: Job, held_out: list[Pair], tmp_path: Path
    ) -> None:
        job, folder = make(), tmp_path / "other"
        shutil.copytree(trained.work / REWARD, folder)
        head = load_file(folder / HEAD)
        save_file({**head, "weight": head["weight"][:, :-1].contiguous()}, folder / HEAD)
        with pytest.raises(ModelError, match="made for another model"):
            judge_of(job, folder, held_out)

    def test_without_a_model_aboard_it_is_refused(self, trained: Job) -> None:
        config = parse_config(f"judges: {{training: reward_model, reward_model: {{path: '{trained.work / REWARD}'}}}}")
        with pytest.raises(DataError, match="a head for the run's own model"):
            make_judges(config.judges, ())


def judge_of(job: Job, folder: Path, pairs: list[Pair]) -> Judge:
    config = parse_config(f"judges: {{training: reward_model, reward_model: {{path: '{folder}'}}}}")
    judge, _ = make_judges(config.judges, pairs, aboard(job.paths, config, job.resident))
    assert judge.name == "reward_model"
    return judge


def test_the_report_is_a_file_for_other_tools_too(trained: Job) -> None:
    raw = json.loads((trained.work / REWARD / REPORT).read_text("utf-8"))
    assert set(raw) == {"report", "metric"}
    assert raw["report"]["accuracy"]["n"] == 24
