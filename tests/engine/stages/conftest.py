"""A resident of the demo's size whose weights are random, and pairs to train it on: a step takes milliseconds."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
import torch

from engine.config import RunConfig, parse_config
from engine.config.schema import ModelConfig
from engine.data.demo import demo_base
from engine.data.task import Pair
from engine.data.world import corpus
from engine.models.load import load_resident
from engine.models.resident import Resident
from engine.stages.pairs import write_pairs

SETTINGS = (
    "training: {beta: 0.1, learning_rate: 1e-3, max_steps: 8, batch_size: 4, max_length: 64, checkpoint_steps: 3}"
)


@pytest.fixture(scope="session", autouse=True)
def _as_the_engine_runs() -> None:
    """One thread, and the libraries out of the collector's sight: it would walk them after each training."""
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained demo model."""
    folder = tmp_path_factory.mktemp("base")
    model, tokenizer = demo_base(0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def resident(base: Path) -> Resident:
    return load_resident(ModelConfig(device="cpu"), 0, base)


@pytest.fixture
def config() -> RunConfig:
    return parse_config(SETTINGS)


@pytest.fixture
def pairs() -> list[Pair]:
    asks = corpus.split().train[:32]
    return [Pair(prompt, " hello , please reset it .", " ugh , whatever .") for prompt, _ in asks]


@pytest.fixture
def moved(resident: Resident, tmp_path: Path) -> Path:
    """An adapter that changes the model a lot: a parent that is not the baseline."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, tensor in resident.model.named_parameters():
            if "lora_B" in name:
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    resident.save_policy(tmp_path / "moved")
    return tmp_path / "moved"


@pytest.fixture
def work(tmp_path: Path, pairs: list[Pair]) -> Path:
    folder = tmp_path / "work"
    write_pairs(folder / "pairs.jsonl", pairs)
    return folder
