"""The `ppo` section: what of PPO stays as it is for a whole run. Its live settings are in `training`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.schema.fields import Real, Section, Whole


class PpoConfig(Section):
    """How the policy learns from the reward model. `training` has the rest: `beta` is the KL coefficient to begin with,
    `learning_rate` the policy's, `max_steps` the updates, `batch_size` the samples in one forward.
    """

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
