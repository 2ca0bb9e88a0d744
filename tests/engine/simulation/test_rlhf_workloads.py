"""The simulated stages of rlhf against the same stages with real tensors."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from engine.config import RunConfig
from engine.records import PARTS
from engine.simulation import plan as planning
from engine.simulation.architecture import model_config
from engine.simulation.scene import Scene, scene
from engine.simulation.workloads import workloads_of

TINY = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 160,
    "vocab_size": 800,
    "max_position_embeddings": 256,
    "tie_word_embeddings": False,
}


@pytest.fixture(scope="module", autouse=True)
def imports_are_no_garbage() -> Iterator[None]:
    """As in the simulator's own process: looking through them each time takes longer than a step."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def config(**sections: Any) -> RunConfig:
    given: dict[str, Any] = {
        "recipe": "rlhf",
        "model": {"name": "shape", "architecture": TINY, "dtype": "float32", **sections.pop("model", {})},
        "data": {"batch_size": 4, "max_new_tokens": 16},
        "sft": {"batch_size": 3, "accumulation": 2},
        "reward": {"batch_size": 2, "accumulation": 2},
        "training": {"batch_size": 2, "max_length": 96},
        "ppo": {"rollouts": 8, "minibatch": 4, "max_new_tokens": 16},
        "evaluation": {"batch_size": 4, "max_new_tokens": 16},
        **sections,
    }  # fmt: skip
    return RunConfig.model_validate(given)


def trainings(
    asked: RunConfig, monkeypatch: pytest.MonkeyPatch, *, real: bool
) -> dict[str, tuple[int, dict[str, int]]]:
    """Each training stage's (peak, its parts) as the CPU does it, without padding."""
    if not real:  # fake tensors, but no kernels of a card's
        monkeypatch.setattr("engine.simulation.scene.cuda_behaviour", contextmanager(lambda: iter([None])))
    found = {}
    with scene(asked, model_config(asked.model), real=torch.device("cpu") if real else None) as built:
        if real:
            _fill(built)
        built.tracker.padded = False
        for workload in (one for one in workloads_of(asked) if one.stage in ("sft", "reward", "ppo")):
            gc.collect()
            built.tracker.begin()
            workload.run(built)
            found[workload.stage] = built.tracker.peak.allocated, dict(built.tracker.peak.parts)
    return found


@torch.no_grad()
def _fill(built: Scene) -> None:
    """What was in memory by chance is no distribution to sample from."""
    for parameter in built.resident.model.parameters():
        parameter.normal_(std=0.02)


@pytest.mark.slow
def test_each_training_peaks_where_it_does_with_real_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = config(model={"gradient_checkpointing": True})
    real = trainings(asked, monkeypatch, real=True)
    assert list(real) == ["sft", "reward", "ppo"]
    assert trainings(asked, monkeypatch, real=False) == real
    for _, parts in real.values():
        assert set(parts) <= {*PARTS, "host"}
    assert {"reference", "heads", "optimizer"} <= real["ppo"][1].keys()


def test_what_is_not_simulated_is_said() -> None:
    def said(**sections: Any) -> str:
        return "; ".join(planning._assumed(config(**sections)))

    assert "filter stage samples" in said()
    assert "reward model that reward.model names is not counted" in said(reward={"model": "a/b"})
    assert "RLOO is TRL's trainer" in said(ppo={"algorithm": "rloo"})
    for loss, word in (("orpo", "ORPO"), ("kto", "KTO"), ("rrhf", "RRHF")):
        assert word in said(recipe="dpo", training={"loss_type": loss})
    assert "planned" not in said(recipe="dpo")


def test_a_stage_that_a_config_leaves_out_is_not_planned() -> None:
    names = [workload.stage for workload in workloads_of(config(sft={"max_steps": 0}, reward={"model": "a/b"}))]
    assert names == ["collect", "ppo", "evaluate"]
