from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from engine.config.schema import ModelConfig
from engine.errors import ModelError
from engine.models.generate import generate
from engine.models.load import load_resident, pick_device
from tests.fixtures.untrained import write_untrained

DATA = os.environ.get("PILOTHOUSE_DATA", "")
WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_untrained(tmp_path / "tiny-llama")
    return tmp_path / "tiny-llama"


def fault(**model: object) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_resident(ModelConfig(device="cpu", **model), 0)  # type: ignore[arg-type]
    return caught.value


def test_a_local_folder_loads_and_only_the_adapter_trains(folder: Path) -> None:
    resident = load_resident(ModelConfig(name=str(folder), device="cpu"), 0)
    trainable = sum(p.numel() for p in resident.model.parameters() if p.requires_grad)
    assert 0 < trainable < 50_000
    assert resident.model.dtype == torch.float32
    assert resident.tokenizer.pad_token_id != resident.tokenizer.eos_token_id


def test_the_adapter_is_seeded(folder: Path) -> None:
    def first(seed: int) -> torch.Tensor:
        model = load_resident(ModelConfig(name=str(folder), device="cpu"), seed).model
        return next(p for name, p in model.named_parameters() if "lora_A" in name)

    torch.manual_seed(9)
    one = first(1)
    torch.manual_seed(10)
    assert torch.equal(first(1), one)
    assert not torch.equal(first(2), one)


def test_a_missing_folder_names_the_nearest(folder: Path) -> None:
    error = fault(name=str(folder.parent / "tiny-lama"))
    assert "no such folder" in error.message
    assert "tiny-llama" in error.remedy


def test_a_file_is_no_model_folder(folder: Path) -> None:
    assert "model.gguf_file" in fault(name=str(folder / WEIGHTS)).remedy


def test_a_missing_gguf_file_names_the_nearest(folder: Path) -> None:
    (folder / "tiny-Q4_1.gguf").touch()
    error = fault(name=str(folder), gguf_file="tiny-Q4_0.gguf")
    assert "no such file" in error.message
    assert "tiny-Q4_1.gguf" in error.remedy


def test_gguf_without_its_package_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.models.load.find_spec", lambda name: None)
    assert fault(name=str(folder), gguf_file="x.gguf").remedy == "pip install gguf"


def test_gguf_and_quantization_exclude_each_other(folder: Path) -> None:
    assert "quantization" in fault(name=str(folder), gguf_file="x.gguf", quantization="nf4").remedy


def test_truncated_weights_are_named(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:10_000])
    error = fault(name=str(folder))
    assert "tiny-llama" in error.message
    assert "damaged or cut short" in error.message


def test_weights_in_a_pickle_are_refused(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
    error = fault(name=str(folder))
    assert "cannot be loaded" in error.message
    assert "safetensors" in error.remedy


def test_a_folder_without_a_model_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert "notes.txt" in fault(name=str(tmp_path)).remedy


def test_a_hub_name_without_a_network_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    error = fault(name="nobody/no-such-model")
    assert "nobody/no-such-model" in error.message
    assert "HF_HUB_OFFLINE is set" in error.remedy


def test_unknown_lora_targets_name_what_there_is(folder: Path) -> None:
    error = fault(name=str(folder), lora_targets="q_proj_x")
    assert "q_proj" in error.remedy


def test_cuda_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="no CUDA card"):
        pick_device(ModelConfig(device="cuda"))
    assert pick_device(ModelConfig()).type == "cpu"


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_a_quantized_base_generates(folder: Path, quantization: str) -> None:
    pytest.importorskip("bitsandbytes")
    resident = load_resident(ModelConfig(name=str(folder), device="cpu", quantization=quantization), 0)  # type: ignore[arg-type]
    (completion,) = generate(resident, ["ask"], max_new_tokens=3, temperature=0, seed=0, batch_size=1)
    assert completion.ids


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="PILOTHOUSE_DATA is not set: it names the folder of real inputs")
def test_a_real_story_model_tells_a_story() -> None:
    resident = load_resident(ModelConfig(name=f"{DATA}/models/stories260K", device="cpu"), 0)
    assert resident.tokenizer.pad_token_id != resident.tokenizer.eos_token_id
    (story,) = generate(resident, ["Once upon a time"], max_new_tokens=40, temperature=0, seed=0, batch_size=1)
    assert "little girl named Lily" in story.text
