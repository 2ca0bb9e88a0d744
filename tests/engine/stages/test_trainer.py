"""Which model is the reference, what a trainer leaves on the shared base, and that checkpoints are whole."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from engine.config import RunConfig, with_settings
from engine.data.task import Pair
from engine.errors import NoSpaceError
from engine.evaluation.forward import completion_logprobs
from engine.models.resident import Resident
from engine.models.tokens import sequence_ids
from engine.stages import checkpoints
from engine.stages.trainer import build_trainer, release
from engine.store.atomic import verify

CHANCE = math.log(2)  # the loss where policy and reference agree: sigmoid of no margin at all


class Losses(TrainerCallback):
    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" in logs:
            self.losses.append(logs["loss"])


def train(
    resident: Resident, pairs: list[Pair], config: RunConfig, folder: Path, steps: int, resume: Path | None = None
) -> tuple[list[float], list[Path]]:
    losses, saved = Losses(), []
    trainer = build_trainer(resident, pairs, with_settings(config, {"max_steps": steps}), folder, 7, losses)
    trainer.on_checkpoint = lambda _, path: saved.append(path)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    release(resident)
    return losses.losses, saved


@pytest.mark.parametrize(("reference", "agrees"), [("parent", True), ("base", False)])
def test_the_first_loss_tells_which_model_is_the_reference(
    resident: Resident, moved: Path, pairs: list[Pair], config: RunConfig, tmp_path: Path, reference: str, agrees: bool
) -> None:
    resident.load_policy(moved)
    config = with_settings(config, {"reference": reference})
    first = train(resident, pairs, config, tmp_path / "out", 1)[0][0]
    assert (abs(first - CHANCE) < 1e-4) is agrees


def test_from_the_baseline_both_references_are_the_same(
    resident: Resident, pairs: list[Pair], config: RunConfig, tmp_path: Path
) -> None:
    first = train(resident, pairs, config, tmp_path / "out", 1)[0][0]
    assert first == pytest.approx(CHANCE, abs=1e-4)


def test_many_trainers_share_one_base(resident: Resident, pairs: list[Pair], config: RunConfig, tmp_path: Path) -> None:
    frozen = {name: tensor.clone() for name, tensor in resident.model.named_parameters() if "lora" not in name}
    for turn in range(3):
        train(resident, pairs, config, tmp_path / str(turn), 2)
        assert set(resident.model.peft_config) == {"default"}
        assert "forward" not in resident.model.get_base_model().__dict__
    for name, tensor in resident.model.named_parameters():
        assert name not in frozen or torch.equal(tensor, frozen[name]), f"{name} of the frozen base moved"


@pytest.mark.parametrize("reference", ["base", "parent"])
def test_a_resumed_training_is_bit_identical(
    resident: Resident, moved: Path, pairs: list[Pair], config: RunConfig, tmp_path: Path, reference: str
) -> None:
    config = with_settings(config, {"reference": reference})
    resident.load_policy(moved)
    whole, saved = train(resident, pairs, config, tmp_path / "whole", 8)
    after = {name: tensor.clone() for name, tensor in resident.model.named_parameters()}
    resident.load_policy(moved)
    rest, _ = train(resident, pairs, config, tmp_path / "rest", 8, resume=saved[0])
    assert rest == whole[3:]
    assert all(torch.equal(tensor, after[name]) for name, tensor in resident.model.named_parameters())


def test_checkpoints_are_whole_and_hold_no_pickle_of_the_arguments(
    resident: Resident, pairs: list[Pair], config: RunConfig, tmp_path: Path
) -> None:
    _, saved = train(resident, pairs, config, tmp_path / "out", 4)
    assert [path.name for path in saved] == ["checkpoint-3", "checkpoint-4"]
    for path in saved:
        verify(path)
        assert not (path / "training_args.bin").exists()
    assert not list((tmp_path / "out").glob(".*"))


def test_a_full_disk_holds_the_run_and_the_save_is_tried_again(
    resident: Resident, pairs: list[Pair], config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    room = iter([False, True])

    def require_space(directory: Path, size: int) -> None:
        if not next(room, True):
            raise NoSpaceError("0 MB left", remedy="make room")

    monkeypatch.setattr(checkpoints, "require_space", require_space)
    trainer = build_trainer(resident, pairs, with_settings(config, {"max_steps": 1}), tmp_path / "out", 7, Losses())
    trainer.on_checkpoint, trainer.on_full_disk = lambda *_: None, told.append
    trainer.train()
    release(resident)
    assert told == ["0 MB left\n  make room"]
    verify(tmp_path / "out" / "checkpoint-1")


class TestWeights:
    """Pairs of two kinds that want opposite things: the heavier kind has its way."""

    @staticmethod
    def divided(pairs: list[Pair], polite: float, rude: float) -> list[Pair]:
        turned = [replace(pair, chosen=pair.rejected, rejected=pair.chosen, weight=rude) for pair in pairs[::2]]
        return [replace(pair, weight=polite) for pair in pairs[1::2]] + turned

    @staticmethod
    def liking(resident: Resident, pairs: list[Pair]) -> float:
        """How much more the policy likes the polite side than the baseline does, in nats, over all pairs."""
        sides = [
            sequence_ids(resident.tokenizer, pair.prompt, side)
            for pair in pairs
            for side in (pair.chosen, pair.rejected)
        ]
        now = completion_logprobs(resident, sides, 64)
        with resident.baseline():
            before = completion_logprobs(resident, sides, 64)
        gained = [mine - other for mine, other in zip(now, before, strict=True)]
        return sum(gained[::2]) - sum(gained[1::2])

    def test_weights_act_in_training(
        self, resident: Resident, pairs: list[Pair], config: RunConfig, tmp_path: Path
    ) -> None:
        likings = []
        for polite, rude in ((1.0, 0.0), (2.0, 1.0), (1.0, 2.0), (0.0, 1.0)):
            resident.reset_policy(0)
            train(resident, self.divided(pairs, polite, rude), config, tmp_path / f"{polite}-{rude}", 16)
            likings.append(self.liking(resident, pairs))
        assert likings == sorted(likings, reverse=True)
        assert likings[0] > likings[1] > 0 > likings[2] > likings[3]

    def test_a_weighted_training_resumes_in_its_second_epoch_where_it_was(
        self, resident: Resident, moved: Path, pairs: list[Pair], config: RunConfig, tmp_path: Path
    ) -> None:
        weighted = self.divided(pairs[:20], 2.0, 1.0)  # five steps an epoch: step 6 is in the second
        resident.load_policy(moved)
        whole, saved = train(resident, weighted, config, tmp_path / "whole", 12)
        resident.load_policy(moved)
        rest, _ = train(resident, weighted, config, tmp_path / "rest", 12, resume=saved[1])
        assert rest == whole[6:]
