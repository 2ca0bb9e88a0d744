"""Which model is the reference, what a trainer leaves on the shared base, and that checkpoints are whole."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from engine.config import RunConfig, with_settings
from engine.data.task import Pair
from engine.errors import NoSpaceError
from engine.models.resident import Resident
from engine.stages import trainer as trainers
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

    monkeypatch.setattr(trainers, "require_space", require_space)
    trainer = build_trainer(resident, pairs, with_settings(config, {"max_steps": 1}), tmp_path / "out", 7, Losses())
    trainer.on_checkpoint, trainer.on_full_disk = lambda *_: None, told.append
    trainer.train()
    release(resident)
    assert told == ["0 MB left\n  make room"]
    verify(tmp_path / "out" / "checkpoint-1")
