"""Log-probabilities, rewards, losses and gradients against a plain implementation in float64: one sample at a time, no
padding, no masks, no fused anything.
"""

from __future__ import annotations

import copy
import gc
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.config.schema import PpoConfig
from engine.data.task import Prompt
from engine.models.resident import POLICY, Resident
from engine.models.slots import REWARD, SFT, VALUE, Slots
from engine.models.tokens import prompt_ids
from engine.rl.experience import Experience, Scale, Scores, ask, learn_from
from engine.rl.metrics import metrics
from engine.rl.rollout import Rollout, roll_out
from engine.rl.update import Learner
from tests.fixtures.tight import tight
from tests.fixtures.untrained import untrained_resident

BETA, SCALE = 0.3, Scale(0.2, 0.5)
PROMPTS = [
    Prompt(text)
    for text in ("ask : my lamp is broken . reply :", "calc : 3 + 4 = ? reply :", "fact : capital of bania ? reply :")
] * 2


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Resident:
    return untrained_resident(tmp_path_factory.mktemp("base"))


@pytest.fixture
def slots(resident: Resident) -> Iterator[Slots]:
    with Slots(resident, SFT, REWARD, VALUE) as slots:
        for seed, name in enumerate(slots.names):
            generator = torch.Generator().manual_seed(seed)
            with torch.no_grad():
                for parameter in slots.parameters(name):
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
        resident.model.eval()
        yield slots


@pytest.fixture(scope="module", autouse=True)
def _quick_collection() -> Iterator[None]:
    """As in the engine, what is loaded is not gone through when garbage is collected."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def told(slots: Slots, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the device's room tells, from knowing nothing on."""
    words: list[str] = []
    monkeypatch.setattr(slots.resident.room, "tell", words.append)
    monkeypatch.setattr(slots.resident.room, "_most", {})
    return words


@pytest.fixture
def rollout(slots: Slots) -> Rollout:
    return roll_out(slots, PROMPTS, max_new_tokens=9, batch_size=2, seed=5)


def settings(**values: Any) -> PpoConfig:
    return PpoConfig(**{"rollouts": 6, "minibatch": 6, "epochs": 1, "whiten_advantages": False, **values})


def scores(slots: Slots) -> Scores:
    return lambda rollout: SCALE(slots.scores(rollout.ids, rollout.mask).detach())


def lived(slots: Slots, rollout: Rollout, chosen: PpoConfig) -> Experience:
    return learn_from(rollout, ask(slots, rollout, SFT, scores(slots), 2), BETA, chosen)


class Plain:
    """The same models in float64, asked about one unpadded sample by PEFT's own switch."""

    def __init__(self, slots: Slots) -> None:
        self.model = copy.deepcopy(slots.resident.model).double()
        self.heads = {name: copy.deepcopy(head).double().requires_grad_(True) for name, head in slots.heads.items()}
        self.model.requires_grad_(True)

    def logprobs(self, name: str, prompt: list[int], answer: list[int]) -> list[Tensor]:
        self.model.set_adapter(name)
        self.model.requires_grad_(True)
        logits = self.model(input_ids=torch.tensor([prompt + answer])).logits[0]
        return [torch.log_softmax(logits[len(prompt) + i - 1], -1)[token] for i, token in enumerate(answer)]

    def states(self, name: str, ids: list[int]) -> Tensor:
        self.model.set_adapter(name)
        self.model.requires_grad_(True)
        return self.model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0]

    def values(self, prompt: list[int], answer: list[int]) -> list[Tensor]:
        states = self.states(VALUE, prompt + answer)
        return [self.heads[VALUE](states[len(prompt) + i - 1])[0] for i in range(len(answer))]

    def score(self, prompt: list[int], answer: list[int]) -> float:
        return float(self.heads[REWARD](self.states(REWARD, prompt + answer)[-1])[0].detach())

    def gradients(self, name: str) -> list[Tensor]:
        found = [p.grad for key, p in self.model.named_parameters() if f".{name}." in key]
        head = [p.grad for p in self.heads[name].parameters()] if name in self.heads else []
        return [grad for grad in [*found, *head] if grad is not None]


def samples(resident: Resident, rollout: Rollout) -> list[tuple[list[int], list[int]]]:
    return [
        (list(prompt_ids(resident.tokenizer, prompt.content)), list(completion.ids))
        for prompt, completion in zip(rollout.prompts, rollout.completions, strict=True)
    ]


def plain_rewards(plain: Plain, sample: tuple[list[int], list[int]], finished: bool, chosen: PpoConfig) -> list[float]:
    mine, other = plain.logprobs(POLICY, *sample), plain.logprobs(SFT, *sample)
    rewards = [-BETA * float(a.detach() - b.detach()) for a, b in zip(mine, other, strict=True)]
    score = (plain.score(*sample) - SCALE.mean) / SCALE.deviation
    rewards[-1] += max(-chosen.score_clip, min(chosen.score_clip, score)) - (0 if finished else chosen.missing_eos)
    return rewards


def test_opinions_and_rewards_are_the_plain_ones(slots: Slots, resident: Resident, rollout: Rollout) -> None:
    chosen = settings(missing_eos=0.7, score_clip=1.5)
    experience, plain = lived(slots, rollout, chosen), Plain(slots)
    for i, (sample, completion) in enumerate(zip(samples(resident, rollout), rollout.completions, strict=True)):
        length = len(sample[1])
        said, values = plain.logprobs(POLICY, *sample), plain.values(*sample)
        opinions = experience.opinions
        assert opinions.logprobs[i, :length].tolist() == pytest.approx([float(x.detach()) for x in said], abs=2e-5)
        assert opinions.values[i, :length].tolist() == pytest.approx([float(x.detach()) for x in values], abs=2e-5)
        expected = plain_rewards(plain, sample, completion.finished, chosen)
        assert experience.rewards[i, :length].tolist() == pytest.approx(expected, abs=5e-5)
        assert not experience.opinions.kl[i, length:].any()


def grads_of_first_step(
    slots: Slots, experience: Experience, chosen: PpoConfig, micro: int, recompute: bool = False
) -> dict[str, list[Tensor]]:
    """The gradients that the optimizer sees, caught as it is asked to step; nothing is changed."""
    learner = Learner(slots, chosen, learning_rate=1e-3, micro_batch=micro, max_grad_norm=1e9, recompute=recompute)
    caught: dict[str, list[Tensor]] = {}

    def catch(*_: Any) -> None:
        for name in (POLICY, VALUE):
            caught[name] = [p.grad.clone() for p in slots.parameters(name) if p.grad is not None]
        for parameter in (*slots.parameters(POLICY), *slots.parameters(VALUE)):
            parameter.grad = None

    learner.optimizer.register_step_pre_hook(catch)
    learner.update(experience, seed=1)
    return caught


@pytest.mark.parametrize("micro", [6, 2], ids=["whole", "in micro-batches, recomputed"])
def test_gradients_are_the_plain_ones(slots: Slots, resident: Resident, rollout: Rollout, micro: int) -> None:
    chosen = settings()
    experience = lived(slots, rollout, chosen)
    # Other old opinions than the present ones, so that some ratios and values leave the clip range.
    noise = torch.Generator().manual_seed(3)
    opinions = experience.opinions
    opinions.logprobs.add_(0.3 * torch.randn(opinions.logprobs.shape, generator=noise) * rollout.actions)
    opinions.values.add_(0.3 * torch.randn(opinions.values.shape, generator=noise) * rollout.actions)
    found = grads_of_first_step(slots, experience, settings(stop_kl=9e9), micro, recompute=micro == 2)
    plain, tokens = Plain(slots), float(rollout.actions.sum())
    policy, value = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    clipped = 0
    for i, sample in enumerate(samples(resident, rollout)):
        for t, said in enumerate(plain.logprobs(POLICY, *sample)):
            ratio, advantage = torch.exp(said - float(opinions.logprobs[i, t])), float(experience.advantages[i, t])
            clipped += bool(abs(float(ratio.detach()) - 1) > 0.2)
            policy = policy - torch.min(advantage * ratio, advantage * ratio.clamp(0.8, 1.2)) / tokens
        for t, said in enumerate(plain.values(*sample)):
            old, wanted = float(opinions.values[i, t]), float(experience.returns[i, t])
            held = old + (said - old).clamp(-0.2, 0.2)
            value = value + 0.5 * torch.max((said - wanted) ** 2, (held - wanted) ** 2) / tokens
    assert 0 < clipped < tokens
    (policy + value).backward()
    for name in (POLICY, VALUE):
        wanted = plain.gradients(name)
        assert len(found[name]) == len(wanted) == len(slots.parameters(name))
        for mine, right in zip(found[name], wanted, strict=True):
            torch.testing.assert_close(mine.double(), right, rtol=2e-3, atol=2e-6)


def test_the_first_ratio_is_one_and_warming_leaves_the_policy(slots: Slots, rollout: Rollout) -> None:
    chosen = settings(epochs=2)
    experience = lived(slots, rollout, chosen)
    before = [p.clone() for p in slots.parameters(POLICY)]
    learner = Learner(slots, chosen, learning_rate=1e-3, micro_batch=2)
    tally = learner.update(experience, seed=1, warming=True)
    assert all(map(torch.equal, before, slots.parameters(POLICY)))
    assert tally.value_loss[1] < tally.value_loss[0]
    tally = learner.update(experience, seed=1)
    assert tally.ratio[0] == pytest.approx(1, abs=1e-5)
    assert tally.approx_kl[0] == pytest.approx(0, abs=1e-6)
    assert not all(map(torch.equal, before, slots.parameters(POLICY)))
    assert all(math.isfinite(x) for x in metrics(experience, tally, BETA, 4.0, "sequence").values())


def test_an_update_that_goes_too_far_is_undone(slots: Slots, rollout: Rollout) -> None:
    chosen = settings(max_step_kl=1e-4, stop_kl=9e9, epochs=3)
    before = [p.clone() for p in slots.parameters(POLICY)]
    value = [p.clone() for p in slots.parameters(VALUE)]
    learner = Learner(slots, chosen, learning_rate=0.05, micro_batch=6)
    tally = learner.update(lived(slots, rollout, chosen), seed=1)
    assert tally.undone
    assert tally.step_kl > 1e-4
    assert all(map(torch.equal, before, slots.parameters(POLICY)))
    assert not all(map(torch.equal, value, slots.parameters(VALUE)))
    assert not any(p in learner.optimizer.state for p in slots.parameters(POLICY))


def test_an_update_stops_early_where_the_policy_has_left_its_samples(slots: Slots, rollout: Rollout) -> None:
    chosen = settings(stop_kl=1e-3, max_step_kl=9e9, epochs=6)
    learner = Learner(slots, chosen, learning_rate=0.05, micro_batch=6)
    tally = learner.update(lived(slots, rollout, chosen), seed=1)
    assert len(tally.approx_kl) < 6
    assert len(tally.value_loss) == 6
    assert tally.approx_kl[-1] >= 1e-3


def test_an_update_touches_policy_and_value_alone_and_repeats_by_its_seed(slots: Slots, rollout: Rollout) -> None:
    chosen = settings(minibatch=2)
    experience = lived(slots, rollout, chosen)
    start = {name: [p.clone() for p in slots.parameters(name)] for name in slots.names}

    def once() -> list[Tensor]:
        for name in (POLICY, VALUE):
            for parameter, kept in zip(slots.parameters(name), start[name], strict=True):
                parameter.data.copy_(kept)
        Learner(slots, chosen, learning_rate=1e-3, micro_batch=2).update(experience, seed=7)
        return [p.clone() for name in (POLICY, VALUE) for p in slots.parameters(name)]

    assert all(map(torch.equal, once(), once()))
    for name in (SFT, REWARD):
        assert all(map(torch.equal, start[name], slots.parameters(name)))


@pytest.mark.parametrize("optimizer", ["adamw", "adamw_8bit"])
def test_what_was_rewarded_becomes_likelier(slots: Slots, rollout: Rollout, optimizer: str) -> None:
    """Not a reward model's scores but turns, good and bad, to see the sign of everything."""
    chosen = settings(epochs=3, missing_eos=0.0, whiten_advantages=True, stop_kl=9e9, max_step_kl=9e9)
    opinions = ask(slots, rollout, SFT, scores(slots), 6)
    opinions.scores.copy_(torch.tensor([3.0, -3.0] * 3))
    learner = Learner(slots, chosen, learning_rate=1e-3, micro_batch=6, optimizer=optimizer)
    learner.update(learn_from(rollout, opinions, 0.0, chosen), seed=0)
    learner.optimizer.load_state_dict(learner.optimizer.state_dict())  # as a resume does
    with torch.no_grad():
        now = slots.logprobs(POLICY, rollout.ids, rollout.mask, rollout.start) * rollout.actions
    gained = (now - opinions.logprobs).sum(1)
    assert float(gained[::2].mean()) > 0.05
    assert float(gained[1::2].mean()) < -0.05


@pytest.mark.parametrize("when", ["forward", "backward"])
@pytest.mark.parametrize("recompute", [False, True], ids=["", "recomputed"])
def test_an_update_that_does_not_fit_is_done_in_parts_with_the_same_gradients(
    slots: Slots, rollout: Rollout, when: str, recompute: bool, told: list[str]
) -> None:
    """On a card where two samples fit and not six: samples of other lengths, so that the tokens' weights count."""
    chosen = settings()
    for i in range(len(PROMPTS)):
        rollout.mask[i, rollout.start + 3 + i :] = 0
    experience = lived(slots, rollout, chosen)
    whole = grads_of_first_step(slots, experience, chosen, 6, recompute)
    assert not told
    with tight(slots.resident.model, lambda rows, _: rows <= 2, when) as card:
        parts = grads_of_first_step(slots, experience, chosen, 6, recompute)
    assert card.failures >= 4  # six and three, of the value and of the policy
    assert any(words.startswith("policy's update: 6 sequences") for words in told)
    for name in (POLICY, VALUE):
        for mine, right in zip(parts[name], whole[name], strict=True):
            assert float((mine - right).norm()) <= 1e-5 * float(right.norm()) + 1e-9


def test_samples_are_drawn_and_asked_about_in_parts_too(slots: Slots, told: list[str]) -> None:
    with tight(slots.resident.model, lambda rows, _: rows <= 2) as card:
        rollout = roll_out(slots, PROMPTS, max_new_tokens=9, batch_size=6, seed=5)
        parts = ask(slots, rollout, SFT, unscored, 6)
    assert card.failures
    assert {words.split(":")[0] for words in told} == {"generation", "opinions"}
    whole = ask(slots, rollout, SFT, unscored, 6)
    torch.testing.assert_close(parts.logprobs, whole.logprobs)
    torch.testing.assert_close(parts.values, whole.values)


def unscored(rollout: Rollout) -> Tensor:
    return torch.zeros(len(rollout.ids))


def test_a_sample_that_does_not_fit_alone_holds_and_goes_on_once_there_is_room(
    slots: Slots, rollout: Rollout, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, held = settings(), list[str]()
    experience = lived(slots, rollout, chosen)
    whole = grads_of_first_step(slots, experience, chosen, 6)
    with tight(slots.resident.model, lambda *_: False) as card:

        def somebody_frees_memory(words: str) -> None:
            held.append(words)
            card.fits = lambda *_: True

        monkeypatch.setattr(slots.resident.room, "hold", somebody_frees_memory)
        parts = grads_of_first_step(slots, experience, chosen, 6)
    assert len(held) == 1
    assert told
    assert held[0].startswith("value model's update: one sequence of ")
    for name in (POLICY, VALUE):
        for mine, right in zip(parts[name], whole[name], strict=True):
            assert float((mine - right).norm()) <= 1e-5 * float(right.norm()) + 1e-9
