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
from engine.rl.experience import Experience, a_few_at_a_time
from engine.rl.losses import policy_loss, value_loss
from engine.rl.optimizer import make_optimizer
from engine.rl.rollout import Rollout


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
        optimizer: str = "adamw",
    ) -> None:
        self._slots, self._settings = slots, settings
        self._micro, self._max_norm, self._recompute = micro_batch, max_grad_norm, recompute
        self._policy, self._value = slots.parameters(POLICY), slots.parameters(VALUE)
        groups = [
            {"params": self._policy, "lr": learning_rate},
            {"params": self._value, "lr": learning_rate * settings.value_rate},
        ]
        self.optimizer = make_optimizer(optimizer, groups, weight_decay)

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
        tokens, samples = float(experience.rollout.actions[rows].sum()), rows.tolist()
        self._value_gradients(experience, samples, tokens, tally)
        if learning:
            learning = self._policy_gradients(experience, samples, tokens, tally) < self._settings.stop_kl
        if not learning:
            for parameter in self._policy:
                parameter.grad = None
        tally.grad_norm.append(float(nn.utils.clip_grad_norm_(self._policy, self._max_norm)) if learning else 0.0)
        nn.utils.clip_grad_norm_(self._value, self._max_norm)
        self.optimizer.step()
        return learning

    def _policy_gradients(self, experience: Experience, samples: list[int], tokens: float, tally: Tally) -> float:
        """Forward and backward of a minibatch, inside the policy's context; its approximate KL."""
        rollout, old = experience.rollout, experience.opinions.logprobs

        def run(rows: Sequence[int]) -> tuple[float, ...]:
            with self._slots.use(POLICY):
                new = self._slots.logprobs(POLICY, rollout.ids[rows], rollout.mask[rows], rollout.start)
                part = policy_loss(
                    new, old[rows], experience.advantages[rows], rollout.actions[rows], self._settings.clip, tokens
                )
                part.loss.backward()  # type: ignore[no-untyped-call]
            return float(part.loss.detach()), part.approx_kl, part.clipped, part.ratio

        sums = self._summed("policy's update", self._policy, rollout, samples, run)
        for name, total in zip(("policy_loss", "approx_kl", "clipped", "ratio"), sums, strict=True):
            getattr(tally, name).append(total)
        return sums[1]

    def _value_gradients(self, experience: Experience, samples: list[int], tokens: float, tally: Tally) -> None:
        rollout, old, clip = experience.rollout, experience.opinions.values, self._settings.value_clip

        def run(rows: Sequence[int]) -> tuple[float, ...]:
            with self._slots.use(VALUE):
                new = self._slots.values(rollout.ids[rows], rollout.mask[rows], rollout.start)
                part = value_loss(new, old[rows], experience.returns[rows], rollout.actions[rows], clip, tokens)
                part.loss.backward()  # type: ignore[no-untyped-call]
            return float(part.loss.detach()), part.clipped

        loss, clipped = self._summed("value model's update", self._value, rollout, samples, run)
        tally.value_loss.append(loss)
        tally.value_clipped.append(clipped)

    def _summed(
        self,
        work: str,
        parameters: Sequence[nn.Parameter],
        rollout: Rollout,
        samples: list[int],
        run: Callable[[Sequence[int]], tuple[float, ...]],
    ) -> list[float]:
        """The sums of what `run` gives for each micro-batch, its gradients added up beside.

        Each loss is divided by the tokens of the whole minibatch, so its parts may be cut in any way. Where memory runs
        out in one, the gradients of all of them go: part of a backward may be in them.
        """

        def undo() -> None:
            for parameter in parameters:
                parameter.grad = None

        def every(parts: list[Sequence[int]]) -> list[float]:
            return [sum(column) for column in zip(*map(run, parts), strict=True)]

        return self._slots.resident.room.in_shares(work, samples, self._micro, every, undo, rollout.tokens)

    @torch.no_grad()
    def _look_back(self, experience: Experience, before: Sequence[Tensor], tally: Tally) -> None:
        """How far the whole update went: the check within it never sees its last step. Too far, and it is undone."""
        rollout, old = experience.rollout, experience.opinions.logprobs

        def run(rows: Sequence[int]) -> float:
            new = self._slots.logprobs(POLICY, rollout.ids[rows], rollout.mask[rows], rollout.start)
            change = (new - old[rows]) * rollout.actions[rows]
            return float((change.exp() - 1 - change).sum())

        total = sum(a_few_at_a_time(self._slots, "opinions", rollout, self._micro, run))
        tally.step_kl = total / float(rollout.actions.sum())
        tally.undone = not tally.step_kl <= self._settings.max_step_kl  # NaN is too far as well
        if tally.undone:
            for parameter, kept in zip(self._policy, before, strict=True):
                parameter.copy_(kept)
                self.optimizer.state.pop(parameter, None)

    def _mode(self) -> AbstractContextManager[Any]:
        return self._slots.recomputing() if self._recompute else nullcontext()
