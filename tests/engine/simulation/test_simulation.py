"""The simulated step against the same step with real tensors, the quick answer against the whole one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from engine.config import RunConfig
from engine.errors import PlanError
from engine.records import GIB, PARTS
from engine.simulation import plan as planning
from engine.simulation.architecture import model_config
from engine.simulation.scene import scene
from engine.simulation.workloads import preference

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
DEEP = {**TINY, "num_hidden_layers": 6, "hidden_size": 2048, "intermediate_size": 5632, "vocab_size": 32000}


@pytest.fixture(scope="module", autouse=True)
def imports_are_no_garbage() -> Iterator[None]:
    """As in the simulator's own process: looking through them each time takes longer than a step."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def config(architecture: dict[str, Any], **sections: Any) -> RunConfig:
    given: dict[str, Any] = {
        "model": {"name": "shape", "architecture": architecture, "dtype": "float32"},
        "training": {"batch_size": 2, "max_length": 96},
        "data": {"batch_size": 4, "max_new_tokens": 16},
        "evaluation": {"batch_size": 4, "max_new_tokens": 16},
    }
    for name, values in sections.items():
        given[name] = {**given.get(name, {}), **values}
    return RunConfig.model_validate(given)


def step(asked: RunConfig, monkeypatch: pytest.MonkeyPatch, *, real: bool, full: bool) -> tuple[int, dict[str, int]]:
    """(peak, its parts) of a training step as the CPU does it, without padding."""
    if not real:  # fake tensors, but no kernels of a card's
        monkeypatch.setattr("engine.simulation.scene.cuda_behaviour", contextmanager(lambda: iter([None])))
    with scene(asked, model_config(asked.model), full=full, real=torch.device("cpu") if real else None) as built:
        built.tracker.padded = False
        built.tracker.begin()
        preference.run(built)
        return built.tracker.peak.allocated, dict(built.tracker.peak.parts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sections", "full"),
    [
        ({"model": {"gradient_checkpointing": True}, "training": {"accumulation": 2, "reference": "parent"}}, False),
        ({}, True),
    ],
    ids=["checkpointing", "full"],
)
def test_a_step_peaks_where_the_same_step_with_real_tensors_does(
    sections: dict[str, Any], full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = config(TINY, **sections)
    real, parts = step(asked, monkeypatch, real=True, full=full)
    fake, fake_parts = step(asked, monkeypatch, real=False, full=full)
    assert (fake, fake_parts) == (real, parts)
    assert set(parts) <= {*PARTS, "host"}


NF4 = {
    "model": {"dtype": "auto", "quantization": "nf4", "gradient_checkpointing": True, "lora_r": 16},
    "training": {"batch_size": 1, "max_length": 256, "optimizer": "adamw_8bit"},
}


@pytest.mark.slow
def test_a_few_layers_tell_what_all_of_them_take() -> None:
    asked = config(DEEP, **NF4)
    whole, quick = planning.plan(asked), planning.plan(asked, quick=True)
    assert (whole.extrapolated, quick.extrapolated) == (False, True)
    assert [stage.stage for stage in quick.stages] == ["collect", "dpo", "evaluate"]
    for all_of_them, few in zip(whole.stages, quick.stages, strict=True):
        assert few.allocated == pytest.approx(all_of_them.allocated, rel=0.01)
        assert few.capacity == pytest.approx(all_of_them.capacity, rel=0.05)
        assert few.at == all_of_them.at
        assert sum(all_of_them.parts.values()) == all_of_them.allocated <= all_of_them.capacity <= all_of_them.reserved
    assert {"weights", "adapters", "optimizer", "checkpoints", "activations"} <= whole.stages[1].parts.keys()
    assert whole.stages[0].parts["kv_cache"] == 6 * 4 * 2 * 2 * 512 * 2 * (
        256 - 16
    )  # its peak is while it reads prompts


QWEN_1_5B = {
    "model_type": "qwen2",
    "hidden_size": 1536,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "intermediate_size": 8960,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
    "max_position_embeddings": 32768,
}


@pytest.mark.slow
def test_a_known_shape_takes_what_it_is_known_to_take() -> None:
    """Found before by another replay of the same step: 1.59 GiB allocated, 1.69 the smallest capacity."""
    training = {**NF4["training"], "max_length": 1024}
    step = planning.plan(config(QWEN_1_5B, **{**NF4, "training": training}), quick=True).stages[1]
    assert step.allocated / GIB == pytest.approx(1.59, rel=0.01)
    assert step.capacity / GIB == pytest.approx(1.69, rel=0.05)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"architecture": {**TINY, "model_type": "nonsense"}}, "nonsense"),
        ({"architecture": {**TINY, "model_type": "t5"}}, "no causal language model"),
        ({"architecture": None, "name": "nobody/nothing-of-that-name"}, "its config cannot be read"),
        ({"quantization": "int8"}, "int8 cannot be planned"),
    ],
)
def test_what_cannot_be_planned_is_said_in_words(model: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words) as caught:
        planning.plan(config(TINY, model=model), quick=True)
    assert caught.value.remedy
