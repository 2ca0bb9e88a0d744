"""What the four models say of a rollout, and what an update learns from it: rewards, advantages, returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from engine.config.schema.ppo import PpoConfig
from engine.models.resident import POLICY
from engine.models.slots import Slots
from engine.rl.advantage import gae, whiten
from engine.rl.rollout import Rollout

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Scale:
    """Reward scores in units of the baseline's: less its mean, over its deviation.

    The baseline's and not the policy's: a policy that has settled hardly varies, and its own deviation would blow up
    what is left of it, mostly noise.
    """

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, scores: Tensor) -> Scale:
        return cls(float(scores.mean()), max(float(scores.std()), 1e-6))

    def __call__(self, scores: Tensor) -> Tensor:
        return (scores - self.mean) / self.deviation


Scores = Callable[[Rollout], Tensor]
"""The reward of each sample (samples,), in the baseline's units."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """Of each token (samples, tokens): log-probability under policy and reference, exact KL between both over the whole
    vocabulary, the policy's entropy, the value estimate; of each sample (samples,): its reward in the baseline's units.
    """

    logprobs: Tensor
    reference: Tensor
    kl: Tensor
    entropy: Tensor
    values: Tensor
    scores: Tensor


@dataclass(frozen=True, slots=True)
class Experience:
    rollout: Rollout
    opinions: Opinions
    rewards: Tensor
    advantages: Tensor
    returns: Tensor


@torch.no_grad()
def ask(slots: Slots, rollout: Rollout, reference: str | None, scores: Scores, batch_size: int) -> Opinions:
    """The models' opinions, a few samples at a time. `reference` names the slot, None is the bare base.

    Log-probabilities come from the same forward as training's, in float32, so that the first ratio of an update is 1:
    those that generation saw differ by its cache and its batch.
    """

    def run(rows: Sequence[int]) -> tuple[Tensor, ...]:
        batch = rollout.ids[rows], rollout.mask[rows]
        said, other = (slots.log_softmax(name, *batch, rollout.start) for name in (POLICY, reference))
        taken = batch[0][:, rollout.start :, None]
        return (
            said.gather(-1, taken)[..., 0],
            other.gather(-1, taken)[..., 0],
            (said.exp() * (said - other)).sum(-1),
            -(said.exp() * said).sum(-1),
            slots.values(*batch, rollout.start),
        )

    parts = list(a_few_at_a_time(slots, "opinions", rollout, batch_size, run))
    columns = [torch.cat(column) * rollout.actions for column in zip(*parts, strict=True)]
    logprobs, other, kl, entropy, values = columns
    return Opinions(logprobs, other, kl, entropy, values, scores(rollout))


def a_few_at_a_time(
    slots: Slots, work: str, rollout: Rollout, batch_size: int, run: Callable[[Sequence[int]], R]
) -> Iterator[R]:
    """`run(rows)` on all of a rollout's samples without gradients, fewer at a time where they do not fit in memory."""
    every = list(range(len(rollout.ids)))
    for start in range(0, len(every), batch_size):
        rows = every[start : start + batch_size]
        for _, made in slots.resident.room.in_parts(work, rows, run, rollout.tokens):
            yield made


def learn_from(rollout: Rollout, opinions: Opinions, beta: float, settings: PpoConfig) -> Experience:
    """Rewards, then advantages: KL is paid token by token, the reward model's score comes with the last one."""
    actions = rollout.actions
    rewards = -beta * (opinions.logprobs - opinions.reference)
    last = actions.sum(1).long() - 1
    scores = opinions.scores.clamp(-settings.score_clip, settings.score_clip)
    rewards[torch.arange(len(last), device=last.device), last] += scores - settings.missing_eos * (1 - rollout.finished)
    if settings.whiten_rewards:
        rewards = whiten(rewards, actions, shift=False)
    advantages, returns = gae(rewards, opinions.values, actions, settings.gamma, settings.lam)
    if settings.whiten_advantages:
        advantages = whiten(advantages, actions)
    return Experience(rollout, opinions, rewards, advantages, returns)
