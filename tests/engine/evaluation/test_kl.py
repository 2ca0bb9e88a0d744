from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
import torch

from engine.evaluation.forward import completion_logprobs
from engine.evaluation.kl import exact_kl
from engine.evaluation.probe import KlProbe
from engine.models.resident import Resident
from engine.models.tokens import TokenSequence
from tests.fixtures.tight import tight
from tests.fixtures.untrained import stir, untrained_resident

SEQUENCES = [
    TokenSequence((5, 6, 7), (8, 9, 2)),
    TokenSequence((5,), (10, 11, 12, 13, 14, 2)),
    TokenSequence((20, 21, 22, 23, 24), (2,)),
]
PROMPTS = ["ask : my lamp is broken . reply :", "ask : my fan is broken . reply :"]


@pytest.fixture
def resident(tmp_path: Path) -> Resident:
    resident = untrained_resident(tmp_path / "base")
    stir(resident)
    return resident


def alone(resident: Resident, sequence: TokenSequence) -> torch.Tensor:
    """Log-probabilities at a completion's positions, (tokens, vocabulary), without batching or padding."""
    with resident.measuring():
        logits = resident.model(input_ids=torch.tensor([[*sequence.prompt, *sequence.completion]])).logits[0]
    return torch.log_softmax(logits.double(), -1)[len(sequence.prompt) - 1 : -1]


def test_kl_is_the_sum_over_the_vocabulary_at_every_completion_token(resident: Resident) -> None:
    found = exact_kl(resident, SEQUENCES, resident.baseline, 2)
    for i, sequence in enumerate(SEQUENCES):
        mine = alone(resident, sequence)
        with resident.baseline():
            base = alone(resident, sequence)
        assert found.kl[i] == pytest.approx(float((mine.exp() * (mine - base)).sum()), rel=1e-3)
        assert found.entropy[i] == pytest.approx(float(-(mine.exp() * mine).sum()), rel=1e-4)
    assert found.tokens == (3, 6, 1)
    assert found.per_token == pytest.approx(sum(found.kl) / 10)
    assert found.per_sequence == pytest.approx(sum(found.kl) / 3)


def test_the_baseline_is_at_no_distance_from_itself(resident: Resident) -> None:
    resident.reset_policy(0)
    assert exact_kl(resident, SEQUENCES, resident.baseline, 3).kl == (0.0, 0.0, 0.0)


def test_kl_to_a_parent_takes_its_weights_only_for_the_moment(resident: Resident, tmp_path: Path) -> None:
    resident.save_policy(tmp_path / "parent")
    itself = exact_kl(resident, SEQUENCES, lambda: resident.adapter(tmp_path / "parent"), 2)
    assert max(itself.kl) == 0
    stir(resident, seed=2)
    moved = exact_kl(resident, SEQUENCES, lambda: resident.adapter(tmp_path / "parent"), 2)
    assert min(moved.kl) > 0
    assert exact_kl(resident, SEQUENCES, lambda: resident.adapter(tmp_path / "parent"), 1).kl == pytest.approx(moved.kl)


def test_a_broken_policy_has_no_finite_kl(resident: Resident) -> None:
    stir(resident, scale=math.nan)
    assert math.isnan(exact_kl(resident, SEQUENCES, resident.baseline, 2).per_token)


def test_log_probabilities_do_not_depend_on_batching_or_order(resident: Resident) -> None:
    counts: list[int] = []
    together = completion_logprobs(resident, SEQUENCES, 3, counts.append)
    single = [completion_logprobs(resident, [sequence], 1)[0] for sequence in SEQUENCES]
    turned = completion_logprobs(resident, SEQUENCES[::-1], 2)[::-1]
    assert together == pytest.approx(single, rel=1e-5)
    assert together == pytest.approx(turned, rel=1e-5)
    assert sum(counts) == 3
    first = SEQUENCES[0]
    expected = alone(resident, first).gather(-1, torch.tensor(first.completion)[:, None]).sum()
    assert together[0] == pytest.approx(float(expected), rel=1e-5)


def test_a_model_that_cannot_leave_out_logits_gives_the_same(
    resident: Resident, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = completion_logprobs(resident, SEQUENCES, 3)
    kind = type(resident.model.get_base_model())
    whole = kind.forward

    def plain(self: object, **inputs: object) -> object:
        assert "logits_to_keep" not in inputs
        return whole(self, **inputs)

    monkeypatch.setattr(kind, "forward", plain)
    assert completion_logprobs(resident, SEQUENCES, 3) == pytest.approx(expected, rel=1e-6)


class TestProbe:
    def test_it_measures_and_leaves_no_trace(self, resident: Resident) -> None:
        ticks = iter([10.0, 10.25])
        probe = KlProbe(resident, PROMPTS, seed=1, max_new_tokens=6, clock=lambda: next(ticks))
        resident.model.train()
        state, python_state = torch.get_rng_state(), random.getstate()
        value = probe.measure()
        assert value > 0
        assert probe.cost_s == 0.25
        assert probe.last is not None
        assert probe.last.per_sequence > value
        assert resident.model.training
        assert torch.equal(torch.get_rng_state(), state)
        assert random.getstate() == python_state
        assert all(p.requires_grad for name, p in resident.model.named_parameters() if "lora_" in name)

    def test_the_same_policy_gives_the_same_number(self, resident: Resident) -> None:
        probe = KlProbe(resident, PROMPTS, seed=1, max_new_tokens=6)
        assert probe.measure() == probe.measure()
        resident.reset_policy(0)
        assert probe.measure() == 0


def test_what_does_not_fit_at_once_is_measured_in_halves(resident: Resident) -> None:
    told: list[str] = []
    resident.room.tell = told.append
    summed, apart = completion_logprobs(resident, SEQUENCES, 3), exact_kl(resident, SEQUENCES, resident.baseline, 3)
    with tight(resident.model, lambda rows, _: rows < 2) as card:
        assert completion_logprobs(resident, SEQUENCES, 3) == pytest.approx(summed, rel=1e-5)
        again = exact_kl(resident, SEQUENCES, resident.baseline, 3)
    assert again.kl == pytest.approx(apart.kl, rel=1e-4, abs=1e-6)
    assert again.entropy == pytest.approx(apart.entropy, rel=1e-5)
    assert card.failures == len(told) == 2
    assert told[0].startswith("evaluation: 3 sequences (21 tokens) at once did not fit in memory; 2 at a time")
