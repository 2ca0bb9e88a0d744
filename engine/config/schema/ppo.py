"""The `ppo` section: what of PPO, RLOO and GRPO stays as it is for a whole run. Live settings are in `training`."""

from __future__ import annotations

from math import ceil
from typing import Literal, Self

from pydantic import Field, model_validator

from engine.config.schema.fields import Real, Section, Whole


class PpoConfig(Section):
    """How the policy learns from the reward model. `training` has the rest: `beta` is the KL coefficient to begin with,
    `learning_rate` the policy's, `max_steps` the updates, `batch_size` the samples in one forward.

    RLOO and GRPO have no value model, and their KL coefficient stays: what is named in PPO_ONLY says nothing to them.
    """

    algorithm: Literal["ppo", "rloo", "grpo"] = Field(
        "ppo", description="what trains the policy; rloo and grpo are TRL's, without a value model"
    )
    group: Whole = Field(4, ge=2, description="rloo, grpo: samples of one prompt, which are compared with each other")
    reference: Literal["sft", "base"] = Field(
        "sft", description="what KL is held to: this iteration's SFT, or the base"
    )
    rollouts: Whole = Field(128, ge=2, description="samples an update, at temperature 1")
    max_new_tokens: Whole = Field(28, ge=1, description="length limit of a sample")
    minibatch: Whole = Field(64, ge=1, description="samples an optimizer step")
    epochs: Whole = Field(3, ge=1, le=64, description="passes over an update's samples")
    value_rate: Real = Field(3.0, gt=0, le=1000, description="the value model's learning rate, times the policy's")
    value_warmup: Whole = Field(2, ge=0, description="updates in which only the value model learns")
    clip: Real = Field(0.2, gt=0, le=10, description="how far the probability ratio may move the policy loss")
    value_clip: Real = Field(0.2, gt=0, le=100, description="how far one update may move a value estimate")
    gamma: Real = Field(1.0, ge=0, le=1, description="discount a token")
    lam: Real = Field(0.95, ge=0, le=1, description="GAE's λ")
    whiten_advantages: bool = Field(True, description="advantages of mean 0 and deviation 1 an update")
    whiten_rewards: bool = Field(False, description="rewards of deviation 1 an update")
    score_clip: Real = Field(5.0, gt=0, description="bound of a reward, in deviations of the baseline's")
    missing_eos: Real = Field(1.0, ge=0, description="what a sample that never ends loses of its reward")
    adaptive: bool = Field(True, description="move beta after each update, to keep KL near the target")
    target_kl: Real = Field(
        4.0, gt=0, description="nats that KL is kept near; an iteration with twice the run's beta has half of it"
    )
    kl_per: Literal["sequence", "token"] = Field("sequence", description="what the target counts for")
    kl_gain: Real = Field(0.5, gt=0, le=10, description="how fast beta follows")
    beta_floor: Real = Field(0.02, ge=0, description="least beta of the controller")
    beta_ceiling: Real = Field(10.0, gt=0, description="most beta of the controller")
    stop_kl: Real = Field(0.05, gt=0, description="nats per token from the sampling policy that end an update early")
    max_step_kl: Real = Field(0.1, gt=0, description="nats per token from the sampling policy that undo an update")
    check_every: Whole = Field(5, ge=0, description="updates between two looks by the held-out judge; 0 is never")
    keep: Literal["best", "last"] = Field("best", description="the policy of the best look, or the last one")
    check_prompts: Whole = Field(32, ge=1, description="prompts of such a look, the same each time, never trained on")

    @property
    def name(self) -> str:
        """The algorithm as people write it."""
        return self.algorithm.upper()

    @property
    def passes(self) -> int:
        """Optimizer steps an update."""
        return self.epochs * ceil(self.rollouts / self.minibatch)

    @property
    def idle(self) -> tuple[str, ...]:
        """Settings that were changed and say nothing to this algorithm."""
        unread = ("group",) if self.algorithm == "ppo" else PPO_ONLY
        return tuple(name for name in unread if getattr(self, name) != type(self).model_fields[name].default)

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        """TRL splits an update's samples into equal minibatches, and a prompt's samples may not be torn apart."""
        if self.algorithm == "ppo":
            return self
        for name, count in (("minibatch", self.minibatch), ("group", self.group)):
            if self.rollouts % count:
                raise ValueError(
                    f"rollouts must be a multiple of {name} for {self.name}: {self.rollouts} is none of {count}"
                )
        return self


PPO_ONLY = (
    "value_rate", "value_warmup", "value_clip", "gamma", "lam", "whiten_rewards", "adaptive", "target_kl", "kl_per",
    "kl_gain", "beta_floor", "beta_ceiling", "stop_kl", "max_step_kl",
)  # fmt: skip
