"""One PPO update: several passes over one batch of experience, and a look back that may undo them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from engine.config.schema.ppo import PpoConfig
from engine.models.resident import POLICY
from engine.models.slots import VALUE, Slots
from engine.rl.experience import Experience
from engine.rl.losses import policy_loss, value_loss


@dataclass
class Tally:
    """What an update's minibatches came to, and what the look back found. Lists have an entry a minibatch."""

    policy_loss: list[float] = field(default_factory=list)
    value_loss: list[float] = field(default_factory=list)
    approx_kl: list[float] = field(default_factory=list)
    clipped: list[float] = field(default_factory=list)
    value_clipped: list[float] = field(default_factory=list)
    ratio: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    step_kl: float = 0.0
    undone: bool = False


class Learner:
    """Trains policy and value on experience. Of its state the optimizer's is all that a checkpoint needs."""

    def __init__(
        self,
        slots: Slots,
        settings: PpoConfig,
        *,
        learning_rate: float,
        micro_batch: int,
        weight_decay: float = 0.0,
        max_grad_norm: float = 1.0,
        recompute: bool = False,
    ) -> None:
        self._slots, self._settings = slots, settings
        self._micro, self._max_norm, self._recompute = micro_batch, max_grad_norm, recompute
        self._policy, self._value = slots.parameters(POLICY), slots.parameters(VALUE)
        groups = [
            {"params": self._policy, "lr": learning_rate},
            {"params": self._value, "lr": learning_rate * settings.value_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=weight_decay)

    def update(
        self, experience: Experience, *, seed: int, warming: bool = False, beat: Callable[[], None] = lambda: None
    ) -> Tally:
        """Learn from one batch; while `warming` the value model alone does. The same seed gives the same update."""
        before = [parameter.detach().clone() for parameter in self._policy]
        tally, learning = Tally(), not warming
        with self._slots.trainable(POLICY, VALUE), self._mode():
            for rows in self._minibatches(len(experience.rollout.ids), seed):
                learning = self._step(experience, rows, learning, tally)
                beat()
        if not warming:
            self._look_back(experience, before, tally)
        return tally

    def _minibatches(self, samples: int, seed: int) -> Iterator[Tensor]:
        shuffle = torch.Generator().manual_seed(seed)
        for _ in range(self._settings.epochs):
            yield from torch.split(torch.randperm(samples, generator=shuffle), self._settings.minibatch)

    def _step(self, experience: Experience, rows: Tensor, learning: bool, tally: Tally) -> bool:
        """One optimizer step, of the value alone where the policy is not `learning`; whether it still is afterwards.

        A policy that has come too far from the one that sampled stays where it is for the rest of the update.
        """
        self.optimizer.zero_grad(set_to_none=True)
        tokens = float(experience.rollout.actions[rows].sum())
        pieces = torch.split(rows, self._micro)
        self._value_gradients(experience, pieces, tokens, tally)
        if learning:
            learning = self._policy_gradients(experience, pieces, tokens, tally) < self._settings.stop_kl
        if not learning:
            for parameter in self._policy:
                parameter.grad = None
        tally.grad_norm.append(float(nn.utils.clip_grad_norm_(self._policy, self._max_norm)) if learning else 0.0)
        nn.utils.clip_grad_norm_(self._value, self._max_norm)
        self.optimizer.step()
        return learning

    def _policy_gradients(self, experience: Experience, pieces: Sequence[Tensor], tokens: float, tally: Tally) -> float:
        """Forward and backward of a minibatch, inside the policy's context; its approximate KL."""
        rollout, old = experience.rollout, experience.opinions.logprobs
        sums = [0.0] * 4
        for rows in pieces:
            with self._slots.use(POLICY):
                new = self._slots.logprobs(POLICY, rollout.ids[rows], rollout.mask[rows], rollout.start)
                part = policy_loss(
                    new, old[rows], experience.advantages[rows], rollout.actions[rows], self._settings.clip, tokens
                )
                part.loss.backward()  # type: ignore[no-untyped-call]
            found = float(part.loss.detach()), part.approx_kl, part.clipped, part.ratio
            sums = [total + more for total, more in zip(sums, found, strict=True)]
        for name, total in zip(("policy_loss", "approx_kl", "clipped", "ratio"), sums, strict=True):
            getattr(tally, name).append(total)
        return sums[1]

    def _value_gradients(self, experience: Experience, pieces: Sequence[Tensor], tokens: float, tally: Tally) -> None:
        rollout, old, clip = experience.rollout, experience.opinions.values, self._settings.value_clip
        loss = clipped = 0.0
        for rows in pieces:
            with self._slots.use(VALUE):
                new = self._slots.values(rollout.ids[rows], rollout.mask[rows], rollout.start)
                part = value_loss(new, old[rows], experience.returns[rows], rollout.actions[rows], clip, tokens)
                part.loss.backward()  # type: ignore[no-untyped-call]
            loss, clipped = loss + float(part.loss.detach()), clipped + part.clipped
        tally.value_loss.append(loss)
        tally.value_clipped.append(clipped)

    @torch.no_grad()
    def _look_back(self, experience: Experience, before: Sequence[Tensor], tally: Tally) -> None:
        """How far the whole update went: the check within it never sees its last step. Too far, and it is undone."""
        rollout, old = experience.rollout, experience.opinions.logprobs
        total = 0.0
        for rows in torch.split(torch.arange(len(rollout.ids)), self._micro):
            new = self._slots.logprobs(POLICY, rollout.ids[rows], rollout.mask[rows], rollout.start)
            change = (new - old[rows]) * rollout.actions[rows]
            total += float((change.exp() - 1 - change).sum())
        tally.step_kl = total / float(rollout.actions.sum())
        tally.undone = not tally.step_kl <= self._settings.max_step_kl  # NaN is too far as well
        if tally.undone:
            for parameter, kept in zip(self._policy, before, strict=True):
                parameter.copy_(kept)
                self.optimizer.state.pop(parameter, None)

    def _mode(self) -> AbstractContextManager[Any]:
        return self._slots.recomputing() if self._recompute else nullcontext()
