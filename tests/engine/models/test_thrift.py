"""What is kept off the device changes nothing that is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from engine.models.generate import generate
from engine.models.resident import Resident
from engine.models.thrift import OnHost, embed_on_host, offload_checkpoints
from tests.fixtures.untrained import untrained_resident

IDS = torch.tensor([[5, 6, 7, 8, 9, 10]])


def llama(tied: bool) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        tie_word_embeddings=tied,
    )
    return LlamaForCausalLM(config)


def test_an_embedding_on_the_host_stays_there_and_gives_its_rows_to_the_device() -> None:
    model = llama(tied=False)
    expected = model(IDS).logits
    assert embed_on_host(model, torch.device("cpu")) == ""
    assert torch.equal(model(IDS).logits, expected)
    model.to(torch.float64)
    assert model.get_input_embeddings().weight.dtype is torch.float32, "it moved with its model"
    assert model.lm_head.weight.dtype is torch.float64
    model.get_input_embeddings().goes_to = torch.device("meta")
    assert model.get_input_embeddings()(IDS).device.type == "meta"


def test_a_tied_embedding_is_left_and_said_so() -> None:
    model = llama(tied=True)
    assert "is its input embedding" in embed_on_host(model, torch.device("cpu"))
    assert not isinstance(model.get_input_embeddings(), OnHost)


def test_a_resident_without_its_embedding_on_the_device_samples_and_trains(tmp_path: Path) -> None:
    plain = untrained_resident(tmp_path / "plain")
    with plain.measuring():
        expected = plain.model(input_ids=IDS).logits
    resident = untrained_resident(tmp_path / "host", embeddings_on_cpu=True)
    tied = "is its input embedding" in "".join(resident.notes)
    assert isinstance(resident.model.get_input_embeddings(), OnHost) is not tied
    with resident.measuring():
        assert torch.equal(resident.model(input_ids=IDS).logits, expected)
    (completion,) = generate(resident, ["ask"], max_new_tokens=4, temperature=0, seed=0, batch_size=1)
    assert completion.ids == generate(plain, ["ask"], max_new_tokens=4, temperature=0, seed=0, batch_size=1)[0].ids
    assert gradients(resident, checkpoints=True).keys() == gradients(plain, checkpoints=True).keys()


def gradients(resident: Resident, checkpoints: bool) -> dict[str, torch.Tensor]:
    model = resident.model
    model.train()
    if checkpoints:
        model.enable_input_require_grads()
        model.activation_checkpointing_enable()
        model.gradient_checkpointing_disable()
        model.gradient_checkpointing_enable(None)  # as TRL does after each forward of the reference
    model.zero_grad()
    model(input_ids=IDS).logits.float().pow(2).mean().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_offloaded_checkpoints_are_used_each_time_and_give_the_same_gradients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    original = torch.autograd.graph.save_on_cpu.__init__

    def unpinned(self: object, pin_memory: bool, device_type: str) -> None:
        moved.append(device_type)
        original(self, pin_memory=False, device_type=device_type)  # type: ignore[arg-type]

    expected = gradients(untrained_resident(tmp_path / "plain"), checkpoints=False)
    resident = untrained_resident(tmp_path / "offloaded", checkpoint_offload=True)  # which on the CPU is nothing
    assert "gradient_checkpointing_enable" not in vars(resident.model.get_base_model())
    offload_checkpoints(resident.model.get_base_model())
    monkeypatch.setattr(torch.autograd.graph.save_on_cpu, "__init__", unpinned)
    found = gradients(resident, checkpoints=True)
    assert len(moved) == resident.model.config.num_hidden_layers
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], expected[name], rtol=1e-5, atol=1e-8) for name in expected)


def test_what_transformers_cannot_do_is_refused_in_words() -> None:
    with pytest.raises(Exception, match="needs transformers"):
        offload_checkpoints(torch.nn.Linear(1, 1))
