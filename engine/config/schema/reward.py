"""The `reward` section: the reward model, the second stage of the rlhf recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.schema.fields import Real, Section, Text, Whole


class RewardConfig(Section):
    """How the reward model learns, from the pairs of the `data` section, and when it is good enough to train on."""

    model: Text | None = Field(
        None,
        description="a sequence classifier with one output, by folder or hub name, taken as it is; by default a slot of"
        " the policy's own base is trained",
    )
    start: Literal["parent", "sft", "base"] = Field(
        "parent", description="begin from the parent's reward model where it has one, else or always anew from a base"
    )
    max_steps: Whole = Field(200, ge=1, le=1_000_000, description="optimizer steps an iteration")
    learning_rate: Real = Field(1e-4, ge=1e-8, le=1e-1, description="peak learning rate")
    batch_size: Whole = Field(8, ge=1, description="pairs a device and micro-step")
    accumulation: Whole = Field(1, ge=1, description="micro-steps an optimizer step")
    scheduler: Literal["linear", "cosine", "constant"] = Field("linear", description="learning-rate schedule")
    warmup_steps: Whole = Field(5, ge=0, description="steps of linear warm-up")
    weight_decay: Real = Field(0.01, ge=0, le=1, description="AdamW weight decay")
    centre: Real = Field(0.01, ge=0, le=10, description="pull of the scores' sum to zero (Eisenstein et al. 2023)")
    held_out: Whole = Field(512, ge=8, description="frozen pairs that it is measured on, the same every iteration")
    min_accuracy: Real = Field(
        0.55, ge=0, lt=1, description="training on it is refused where accuracy's lower bound on these is not above it"
    )
    label_noise: Real = Field(
        0.0, ge=0, lt=0.5, description="share of training labels turned round on purpose, for exercises"
    )
    checkpoint_steps: Whole = Field(100, ge=1, description="steps between checkpoints, which a resume continues from")
    logging_steps: Whole = Field(1, ge=1, description="steps between metric rows")
