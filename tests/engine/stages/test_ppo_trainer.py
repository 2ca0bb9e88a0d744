"""PPO's loop on an untrained model: what a checkpoint holds, and that a resumed training is the one cut off."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.config import parse_config
from engine.config.schema import RunConfig
from engine.data.task import Prompt
from engine.data.world import corpus
from engine.judges.base import ScoringJudge
from engine.models.generate import Completion
from engine.models.resident import POLICY, Resident
from engine.models.slots import REWARD, SFT, VALUE, Slots
from engine.records import HELD_OUT_JUDGE
from engine.stages.lookout import Lookout
from engine.stages.ppo import split_prompts
from engine.stages.ppo_trainer import PpoTrainer
from engine.store.atomic import verify

SETTINGS = """
training: {beta: 0.2, learning_rate: 1e-3, max_steps: 4, batch_size: 8, checkpoint_steps: 2, max_length: 64}
ppo: {rollouts: 8, minibatch: 4, epochs: 2, max_new_tokens: 6, value_warmup: 1, check_every: 2, max_step_kl: 1}
"""
PROMPTS = [Prompt(text) for text, _ in corpus.split().train[:12]]


class Quiet:
    """A boundary that nobody stands at; it keeps what was logged, and may ask for the end."""

    def __init__(self, end_at: int | None = None) -> None:
        self.logs: list[dict[str, float]] = []
        self.end_at = end_at

    def on_train_begin(self, *_: Any) -> None: ...
    def on_step_begin(self, *_: Any) -> None: ...
    def on_substep_end(self, *_: Any) -> None: ...

    def on_step_end(self, _args: Any, state: Any, control: Any) -> None:
        if state.global_step == self.end_at:
            control.should_training_stop = True

    def on_log(self, _args: Any, _state: Any, _control: Any, logs: dict[str, float]) -> None:
        self.logs.append(logs)


class Short(ScoringJudge):
    """Likes short answers."""

    name = "short"

    def score(self, prompt: str, completion: str) -> float:
        return -float(len(completion))


def likes_low_tokens(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float]:
    return [sum(token < 60 for token in completion.ids) / len(completion.ids) for completion in completions]


@pytest.fixture
def slots(resident: Resident) -> Iterator[Slots]:
    with Slots(resident, SFT, REWARD, VALUE) as slots:
        yield slots


def trainer(slots: Slots, folder: Path, boundary: Quiet, **training: Any) -> PpoTrainer:
    config = configured(**training)
    lookout = Lookout(slots, Short(), PROMPTS[:4], max_new_tokens=6, batch_size=4, seed=1)
    made = PpoTrainer(
        slots,
        likes_low_tokens,
        PROMPTS,
        [1.0] * len(PROMPTS),
        lookout,
        config,
        4.0,
        folder,
        3,
        boundary,  # type: ignore[arg-type]
    )
    made.on_checkpoint = lambda step, place: None
    return made


def configured(**training: Any) -> RunConfig:
    config = parse_config(SETTINGS)
    return config.model_copy(update={"training": config.training.model_copy(update=training)})


def fresh(slots: Slots) -> None:
    """The policy and the value model as they were before any training."""
    slots.resident.reset_policy(0)
    slots.copy(SFT, VALUE)
    with torch.no_grad():
        slots.heads[VALUE].weight.fill_(0.01)
        slots.heads[VALUE].bias.zero_()


def weights(slots: Slots) -> list[torch.Tensor]:
    return [p.detach().clone() for name in (POLICY, VALUE) for p in slots.parameters(name)]


def test_a_resumed_training_is_bit_identical(slots: Slots, tmp_path: Path) -> None:
    fresh(slots)
    whole = Quiet()
    first = trainer(slots, tmp_path / "whole", whole)
    first.train()
    after, beta, looks = weights(slots), first.beta, first._lookout.best
    fresh(slots)
    rest = Quiet()
    again = trainer(slots, tmp_path / "rest", rest)
    again.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-2"))
    assert all(map(torch.equal, weights(slots), after))
    assert (again.beta, again._lookout.best) == (beta, looks)
    timed = {"eps"}
    for mine, other in zip(rest.logs, whole.logs[2:], strict=True):
        assert {k: v for k, v in mine.items() if k not in timed} == {k: v for k, v in other.items() if k not in timed}


def test_checkpoints_are_whole_and_the_best_look_is_in_them(slots: Slots, tmp_path: Path) -> None:
    fresh(slots)
    boundary = Quiet()
    made = trainer(slots, tmp_path, boundary)
    made.train()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-2", "checkpoint-4"]
    for path in tmp_path.iterdir():
        verify(path)
    looks = {n: log[HELD_OUT_JUDGE] for n, log in enumerate(boundary.logs, 1) if HELD_OUT_JUDGE in log}
    assert set(looks) == {2, 4}
    best = json.loads((tmp_path / "checkpoint-4" / "best" / "look.json").read_text())
    assert (best["best"]["step"], best["best"]["score"]) == (
        max(looks, key=lambda n: (looks[n], -n)),
        max(looks.values()),
    )
    assert (best["last"]["step"], len(best["last"]["items"])) == (4, 4)
    slots.load(POLICY, tmp_path / "checkpoint-4" / "best")
    kept = slots.snapshot(POLICY)
    made._lookout.choose()
    assert all(torch.equal(tensor, kept[place]) for place, tensor in slots.snapshot(POLICY).items())


def test_the_end_may_come_early_and_leaves_a_checkpoint(slots: Slots, tmp_path: Path) -> None:
    fresh(slots)
    made = trainer(slots, tmp_path, Quiet(end_at=1))
    made.train()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-1"]


def test_beta_may_be_set_between_updates(slots: Slots, tmp_path: Path) -> None:
    fresh(slots)
    boundary = Quiet()
    made = trainer(slots, tmp_path, boundary, max_steps=1)
    made.beta = 0.7
    made.train()
    assert boundary.logs[0]["beta"] == 0.7


def test_a_checkpoint_that_was_undone_halves_the_rate(slots: Slots, tmp_path: Path) -> None:
    fresh(slots)
    made = trainer(slots, tmp_path, Quiet())
    before = list(made.lr_scheduler.base_lrs)
    made._slow_down()
    assert made.lr_scheduler.base_lrs == [rate / 2 for rate in before]


def test_the_prompts_of_the_looks_are_never_trained_on() -> None:
    trained, watched = split_prompts(PROMPTS, 100, 0)
    assert len(watched) == 3  # a quarter at most
    assert not {prompt.text for prompt in trained} & {prompt.text for prompt in watched}
    assert len(trained) + len(watched) == len(PROMPTS)
    assert split_prompts(PROMPTS, 100, 0) == (trained, watched)
