from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.models.generate import generate
from engine.models.resident import WEIGHTS, Resident
from engine.models.rng import isolated_rng
from tests.fixtures.untrained import stir, untrained_resident

PROMPTS = ["ask : my lamp is broken . reply :", "calc : 3 + 4 = ? reply :", "fact : capital of bania ? reply :"]


@pytest.fixture
def resident(tmp_path: Path) -> Resident:
    return untrained_resident(tmp_path / "base")


def logits(resident: Resident) -> torch.Tensor:
    with resident.measuring():
        return resident.model(input_ids=torch.tensor([[5, 6, 7, 8]])).logits


def sample(resident: Resident, **settings: object) -> list[tuple[int, ...]]:
    options = {"max_new_tokens": 8, "temperature": 1.0, "seed": 3, "batch_size": 2, **settings}
    return [completion.ids for completion in generate(resident, PROMPTS, **options)]  # type: ignore[arg-type]


class TestPolicy:
    def test_a_new_policy_is_the_baseline(self, resident: Resident) -> None:
        with resident.baseline():
            base = logits(resident)
        assert torch.equal(logits(resident), base)

    def test_save_and_load_give_the_same_policy_back(self, resident: Resident, tmp_path: Path) -> None:
        stir(resident)
        before = logits(resident)
        resident.save_policy(tmp_path / "policy")
        resident.reset_policy(0)
        assert not torch.equal(logits(resident), before)
        resident.load_policy(tmp_path / "policy")
        assert torch.equal(logits(resident), before)

    def test_reset_is_seeded(self, resident: Resident) -> None:
        def weights(seed: int) -> list[torch.Tensor]:
            resident.reset_policy(seed)
            return [p.detach().clone() for name, p in resident.model.named_parameters() if "lora_A" in name]

        first, again, other = weights(1), weights(1), weights(2)
        assert all(map(torch.equal, first, again))
        assert not any(map(torch.equal, first, other))

    def test_another_adapter_is_lent_and_the_policy_comes_back(self, resident: Resident, tmp_path: Path) -> None:
        stir(resident, 1)
        parent = logits(resident)
        resident.save_policy(tmp_path / "parent")
        stir(resident, 2)
        policy = logits(resident)
        with resident.adapter(tmp_path / "parent"):
            assert torch.equal(logits(resident), parent)
        assert torch.equal(logits(resident), policy)
        trainable = [name for name, parameter in resident.model.named_parameters() if parameter.requires_grad]
        assert trainable
        assert all("lora_" in name for name in trainable)

    def test_a_cut_adapter_is_refused_by_name(self, resident: Resident, tmp_path: Path) -> None:
        resident.save_policy(tmp_path / "policy")
        path = tmp_path / "policy" / WEIGHTS
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(ModelError, match=WEIGHTS):
            resident.load_policy(tmp_path / "policy")

    def test_an_adapter_of_another_rank_is_refused(self, resident: Resident, tmp_path: Path) -> None:
        untrained_resident(tmp_path / "other", lora_r=4).save_policy(tmp_path / "policy")
        with pytest.raises(ModelError, match="r 4"):
            resident.load_policy(tmp_path / "policy")

    def test_a_missing_adapter_is_refused_even_if_a_pickle_lies_there(self, resident: Resident, tmp_path: Path) -> None:
        resident.save_policy(tmp_path / "policy")
        shutil.move(tmp_path / "policy" / WEIGHTS, tmp_path / "policy" / "adapter_model.bin")
        with pytest.raises(ModelError, match="no such adapter"):
            resident.load_policy(tmp_path / "policy")


class TestGenerate:
    def test_the_seed_decides_and_batching_does_not_change_the_order(self, resident: Resident) -> None:
        assert sample(resident) == sample(resident)
        assert sample(resident) != sample(resident, seed=4)
        greedy = sample(resident, temperature=0, batch_size=1)
        assert sample(resident, temperature=0, batch_size=3) == greedy

    def test_no_trace_in_the_random_state_or_the_training_mode(self, resident: Resident) -> None:
        resident.model.train()
        random.seed(1), np.random.seed(1), torch.manual_seed(1)
        expected = random.random(), np.random.rand(), torch.rand(1)
        random.seed(1), np.random.seed(1), torch.manual_seed(1)
        sample(resident)
        assert (random.random(), np.random.rand(), torch.rand(1)) == expected
        assert resident.model.training

    def test_progress_can_abort_between_batches(self, resident: Resident) -> None:
        seen: list[tuple[int, int]] = []

        def stop(done: int, total: int) -> None:
            seen.append((done, total))
            raise KeyboardInterrupt

        resident.model.train()
        with pytest.raises(KeyboardInterrupt):
            sample(resident, progress=stop)
        assert seen == [(2, 3)]
        assert resident.model.training

    def test_the_end_token_is_kept_in_ids_and_not_in_text(self, resident: Resident) -> None:
        end = resident.tokenizer.eos_token_id
        completions = generate(resident, PROMPTS * 40, max_new_tokens=8, temperature=3.0, seed=0, batch_size=120)
        done = [completion for completion in completions if completion.finished]
        assert done, "at temperature 3 some of 120 random completions should end"
        assert all(completion.ids[-1] == end and "</s>" not in completion.text for completion in done)
        assert all(end not in completion.ids for completion in completions if not completion.finished)

    def test_a_prompt_longer_than_the_window_is_cut_at_its_beginning(self, resident: Resident) -> None:
        (completion,) = generate(resident, ["ask " * 500], max_new_tokens=4, temperature=0, seed=0, batch_size=1)
        assert 1 <= len(completion.ids) <= 4


def test_isolated_rng_restores_after_an_error() -> None:
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError), isolated_rng(5):
        torch.rand(3) @ torch.rand(4)
    assert torch.equal(torch.get_rng_state(), state)
