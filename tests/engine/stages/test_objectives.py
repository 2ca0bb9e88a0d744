"""Every objective trains the policy and nothing else, towards the chosen side, under TRL's names."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from engine.config import RunConfig, iteration_settings, with_settings
from engine.config.schema import TrainingConfig
from engine.data.task import Pair
from engine.errors import ConfigError
from engine.evaluation.alignment import pair_sequences
from engine.evaluation.forward import completion_logprobs
from engine.models.resident import Resident
from engine.records.objectives import OBJECTIVES
from engine.stages.boundary import TrainerKnobs
from engine.stages.dpo import live_settings, words_of
from engine.stages.objectives.arguments import smoothing
from engine.stages.objectives.unpaired import Mismatched, unpaired_rows
from engine.stages.trainer import build_trainer, release
from engine.store.atomic import verify
from tui.presenters.charts import SLOTS

SUM = "0.8*sigmoid + 0.2*bco_pair + sft"
OTHERS = [name for name, one in OBJECTIVES.items() if one.family != "dpo"]
DPOS = [name for name, one in OBJECTIVES.items() if one.family == "dpo"]
GENTLE = {"discopop": {"discopop_tau": 1.0}}
"""DiscoPOP's own τ of .05 makes a loss that is not convex: from no margin at all it first goes the other way."""
RANKED = {"rewards/accuracies"}
SHOWN = {"loss", "grad_norm", "learning_rate", "rewards/chosen", "rewards/rejected", "rewards/margins"}


class Log(TrainerCallback):
    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" in logs:
            self.rows.append(dict(logs))


def train(
    resident: Resident, pairs: list[Pair], config: RunConfig, folder: Path, resume: Path | None = None
) -> tuple[list[dict[str, float]], list[Path]]:
    log, saved = Log(), []
    trainer = build_trainer(resident, pairs, config, folder, 7, log)
    trainer.on_checkpoint = lambda _, path: saved.append(path)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    release(resident)
    return log.rows, saved


def margin(resident: Resident, pairs: list[Pair]) -> float:
    """By how many nats the policy prefers the chosen side to the rejected one, over all pairs."""
    found = completion_logprobs(resident, pair_sequences(resident, pairs), 64)
    return sum(found[::2]) - sum(found[1::2])


def tensors(resident: Resident) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in resident.model.named_parameters()}


@pytest.mark.parametrize("loss_type", [*OTHERS, SUM, *(pytest.param(name, marks=pytest.mark.slow) for name in DPOS)])
def test_an_objective_teaches_the_policy_alone_to_prefer_the_chosen(
    resident: Resident, pairs: list[Pair], config: RunConfig, tmp_path: Path, loss_type: str
) -> None:
    config = with_settings(config, {"loss_type": loss_type, "max_steps": 4, **GENTLE.get(loss_type, {})})
    pairs = pairs[:8]
    before, liked = tensors(resident), margin(resident, pairs)
    rows, saved = train(resident, pairs, config, tmp_path / "out")
    assert len(rows) == 4
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert rows[0].keys() >= SHOWN | (RANKED if loss_type != "kto" else set())
    assert all(any(plot.metric in rows[0] for plot in slot) for slot in SLOTS), "a chart has nothing to show"
    moved = {name for name, tensor in tensors(resident).items() if not torch.equal(tensor, before[name])}
    assert moved
    assert all(".default." in name for name in moved)
    assert margin(resident, pairs) > liked
    assert set(resident.model.peft_config) == {"default"}
    verify(saved[-1])


@pytest.mark.parametrize("loss_type", ["kto", pytest.param("orpo", marks=pytest.mark.slow), "rrhf"])
def test_a_training_by_another_trainer_resumes_bit_for_bit(
    resident: Resident, moved: Path, pairs: list[Pair], config: RunConfig, tmp_path: Path, loss_type: str
) -> None:
    weighted = [Pair(pair.prompt, pair.chosen, pair.rejected, weight=1 + i % 2) for i, pair in enumerate(pairs[:16])]
    config = with_settings(config, {"loss_type": loss_type, "max_steps": 6})
    resident.load_policy(moved)
    whole, saved = train(resident, weighted, config, tmp_path / "whole")
    after = tensors(resident)
    resident.load_policy(moved)
    rest, _ = train(resident, weighted, config, tmp_path / "rest", resume=saved[0])
    assert [row["loss"] for row in rest] == [row["loss"] for row in whole[3:]]
    assert all(torch.equal(tensor, after[name]) for name, tensor in resident.model.named_parameters())


@pytest.mark.parametrize(("loss_type", "asks"), [("kto", True), ("sft", False)])
def test_only_an_objective_with_a_reference_asks_which(
    resident: Resident, moved: Path, pairs: list[Pair], config: RunConfig, tmp_path: Path, loss_type: str, asks: bool
) -> None:
    first = {}
    for reference in ("base", "parent"):
        resident.load_policy(moved)
        settings = {"loss_type": loss_type, "reference": reference, "max_steps": 1}
        rows, _ = train(resident, pairs, with_settings(config, settings), tmp_path / reference)
        first[reference] = rows[0]["loss"]
    assert (first["base"] != first["parent"]) is asks


@pytest.mark.parametrize("loss_type", ["ipo", "sppo_hard", "kto", "orpo"])
def test_a_new_beta_acts_on_the_next_step(
    resident: Resident, moved: Path, pairs: list[Pair], config: RunConfig, tmp_path: Path, loss_type: str
) -> None:
    resident.load_policy(moved)
    trainer = build_trainer(resident, pairs[:4], with_settings(config, {"loss_type": loss_type}), tmp_path, 7, Log())
    batch = next(iter(trainer.get_train_dataloader()))
    losses = []
    for beta in (0.1, 0.5):
        trainer.beta = beta
        losses.append(float(trainer.compute_loss(trainer.model, dict(batch))))
    release(resident)
    assert losses[0] != losses[1]


@pytest.mark.parametrize("loss_type", ["sft", "rrhf"])
def test_a_beta_that_would_change_nothing_is_refused_in_words(config: RunConfig, loss_type: str) -> None:
    knobs = TrainerKnobs(None, iteration_settings(config), live_settings(loss_type))
    assert "beta" not in knobs.in_force()
    with pytest.raises(ConfigError, match=f"{loss_type} has no beta: nothing would change"):
        knobs.turn({"beta": 0.2})


def test_what_an_objective_is_held_to_is_said() -> None:
    said = {name: words_of(TrainingConfig(loss_type=name, reference="parent")) for name in ("kto", "orpo")}
    assert said["kto"] == "objective kto (arXiv 2402.01306); reference: parent"
    assert said["orpo"].endswith("no reference; KL to the baseline is measured")


def test_each_objective_smooths_its_labels_by_itself_unless_told() -> None:
    own = {name: smoothing(TrainingConfig(loss_type=name)) for name in ("sigmoid", "robust", "exo_pair", "aot")}
    assert own == {"sigmoid": 0.0, "robust": 0.1, "exo_pair": 1e-3, "aot": 0.0}
    assert smoothing(TrainingConfig(loss_type="robust", label_smoothing=0.2)) == 0.2
    with pytest.raises(ValueError, match="does not go with exo_pair"):
        TrainingConfig(loss_type="exo_pair", label_smoothing=0)


class TestUnpaired:
    def test_both_sides_of_a_pair_stand_for_themselves(self) -> None:
        rows = unpaired_rows([Pair("q", "good", "bad", weight=2.0)])
        assert [(row["completion"], row["label"], row["weight"]) for row in rows] == [
            ("good", True, 2.0),
            ("bad", False, 2.0),
        ]

    def test_kl_is_estimated_with_completions_of_other_rows_of_the_batch(self) -> None:
        rows = [{"prompt_ids": [i], "completion_ids": [10 + i], "label": True} for i in range(3)]
        batch = Mismatched(pad_token_id=0, max_length=8)(rows)
        assert batch["input_ids"].tolist() == [[0, 10], [1, 11], [2, 12]]
        assert batch["KL_input_ids"].tolist() == [[0, 12], [1, 10], [2, 11]]
