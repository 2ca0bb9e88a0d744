"""Slots are separate: training one changes no tensor of another, and gradients belong to the adapter that acted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.utils.checkpoint import CheckpointError

from engine.errors import ModelError
from engine.models.resident import POLICY, Resident
from engine.models.slots import HEAD, REWARD, SFT, VALUE, Slots
from tests.fixtures.untrained import untrained_resident

IDS = torch.tensor([[5, 6, 7, 8, 9, 2], [0, 4, 9, 8, 7, 6]])
MASK = (IDS != 0).long()
START = 3


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Resident:
    return untrained_resident(tmp_path_factory.mktemp("base"))


@pytest.fixture
def slots(resident: Resident) -> Iterator[Slots]:
    """All four, each of them something else."""
    with Slots(resident, SFT, REWARD, VALUE) as slots:
        yield stirred(slots)


def stirred(slots: Slots) -> Slots:
    for seed, name in enumerate(slots.names):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in slots.parameters(name):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return slots


def loss_of(slots: Slots, name: str) -> torch.Tensor:
    if name == REWARD:
        return slots.scores(IDS, MASK).pow(2).mean()
    if name == VALUE:
        return slots.values(IDS, MASK, START).pow(2).mean()
    return -slots.logprobs(name, IDS, MASK, START).mean()


def snapshot(slots: Slots) -> dict[str, torch.Tensor]:
    """Every tensor there is: the base's, each adapter's and each head's."""
    found = {name: tensor.detach().clone() for name, tensor in slots.resident.model.named_parameters()}
    for head, module in slots.heads.items():
        found |= {f"head.{head}.{name}": tensor.detach().clone() for name, tensor in module.named_parameters()}
    return found


def gradients(slots: Slots, name: str, checkpointing: bool = False) -> list[torch.Tensor]:
    with slots.trainable(name) as parameters:
        if checkpointing:
            with slots.recomputing(), slots.use(name):
                loss_of(slots, name).backward()
        else:
            with slots.use(name):
                loss_of(slots, name).backward()
        return [parameter.grad.clone() for parameter in parameters if parameter.grad is not None]


@pytest.mark.parametrize("name", [POLICY, SFT, REWARD, VALUE])
def test_training_one_slot_changes_no_tensor_of_another(slots: Slots, name: str) -> None:
    before = snapshot(slots)
    with slots.trainable(name) as parameters:
        optimizer = torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.1)
        for _ in range(2):
            with slots.use(name):
                loss_of(slots, name).backward()
            optimizer.step()
            optimizer.zero_grad()
    changed = {key for key, tensor in snapshot(slots).items() if not torch.equal(tensor, before[key])}
    assert changed
    assert all(f".{name}." in key for key in changed)
    assert len(changed) == len(slots.parameters(name))


@pytest.mark.parametrize("name", [POLICY, SFT, REWARD, VALUE])
def test_checkpointing_gives_the_same_gradients(slots: Slots, name: str) -> None:
    plain, recomputed = gradients(slots, name), gradients(slots, name, checkpointing=True)
    assert len(plain) == len(recomputed) == len(slots.parameters(name))
    for one, other in zip(plain, recomputed, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_backward_outside_its_context_is_refused_while_one_slot_is_trainable(slots: Slots) -> None:
    """It would recompute with another adapter: frozen as that one is, PyTorch finds fewer tensors than it had saved."""
    with slots.trainable(SFT), slots.recomputing(), pytest.raises(CheckpointError):
        loss_of(slots, SFT).backward()


def test_the_bare_base_is_the_residents_baseline(slots: Slots, resident: Resident) -> None:
    with resident.baseline(), torch.no_grad():
        logits = resident.model(input_ids=IDS[:1]).logits[:, START - 1 : -1]
    with torch.no_grad():
        said = slots.log_softmax(None, IDS[:1], MASK[:1], START)
    torch.testing.assert_close(said, torch.log_softmax(logits.float(), -1))


def test_padding_changes_nothing(slots: Slots) -> None:
    with torch.no_grad():
        together = slots.logprobs(SFT, IDS, MASK, START)[1]
        alone = slots.logprobs(SFT, IDS[1:, 1:], MASK[1:, 1:], START - 1)[0]
        right = torch.cat([IDS[1:, 1:], torch.zeros(1, 2, dtype=torch.long)], 1)
        torch.testing.assert_close(slots.scores(right, (right != 0).long()), slots.scores(IDS, MASK)[1:])
    torch.testing.assert_close(together, alone)


def test_save_and_load_give_the_same_slot_back(slots: Slots, tmp_path: Path) -> None:
    slots.save(REWARD, tmp_path / "reward")
    with torch.no_grad():
        before = slots.scores(IDS, MASK)
    slots.copy(VALUE, REWARD)
    with torch.no_grad():
        assert not torch.equal(slots.scores(IDS, MASK), before)
        slots.load(REWARD, tmp_path / "reward")
        assert torch.equal(slots.scores(IDS, MASK), before)


def test_an_adapter_goes_from_the_policy_to_a_slot_and_back(slots: Slots, resident: Resident, tmp_path: Path) -> None:
    resident.save_policy(tmp_path / "adapter")
    slots.load(SFT, tmp_path / "adapter")
    assert torch.equal(slots.logprobs(SFT, IDS, MASK, START), slots.logprobs(POLICY, IDS, MASK, START))
    slots.save(SFT, tmp_path / "sft")
    resident.reset_policy(0)
    assert not torch.equal(slots.logprobs(SFT, IDS, MASK, START), slots.logprobs(POLICY, IDS, MASK, START))
    resident.load_policy(tmp_path / "sft")
    assert torch.equal(slots.logprobs(SFT, IDS, MASK, START), slots.logprobs(POLICY, IDS, MASK, START))


def test_a_missing_or_cut_head_is_refused_by_name(slots: Slots, tmp_path: Path) -> None:
    slots.save(REWARD, tmp_path / "reward")
    head = tmp_path / "reward" / HEAD
    head.write_bytes(head.read_bytes()[:20])
    with pytest.raises(ModelError, match=HEAD):
        slots.load(REWARD, tmp_path / "reward")
    head.unlink()
    with pytest.raises(ModelError, match="no such head"):
        slots.load(REWARD, tmp_path / "reward")


def test_a_slot_that_was_not_added_is_named(resident: Resident) -> None:
    with pytest.raises(ValueError, match="reward"), Slots(resident).use(REWARD):
        pass


def test_nothing_is_added_until_asked_and_nothing_stays(resident: Resident) -> None:
    before = {name: (tensor.shape, tensor.requires_grad) for name, tensor in resident.model.named_parameters()}
    with Slots(resident, SFT, REWARD, VALUE) as slots:
        assert set(resident.model.peft_config) == {POLICY, SFT, REWARD, VALUE}
        trained = {name for name, tensor in resident.model.named_parameters() if tensor.requires_grad}
        assert trained == {name for name, (_, flag) in before.items() if flag}
        with slots.use(SFT):
            pass
    assert set(resident.model.peft_config) == {POLICY}
    assert resident.model.active_adapter == POLICY
    after = {name: (tensor.shape, tensor.requires_grad) for name, tensor in resident.model.named_parameters()}
    assert after == before
