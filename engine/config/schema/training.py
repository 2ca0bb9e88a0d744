"""The `training` section: one iteration's flat config, the part that a gate may change."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.schema.fields import Real, Section, Whole


class TrainingConfig(Section):
    """One iteration's flat config: what a proposal may change and a gate may edit."""

    beta: Real = Field(0.1, ge=0.01, le=1, description="DPO's temperature: higher stays closer to the reference")
    learning_rate: Real = Field(1e-6, ge=1e-8, le=1e-3, description="peak learning rate")
    max_steps: Whole = Field(100, ge=1, le=10_000_000, description="optimizer steps an iteration")
    batch_size: Whole = Field(8, ge=1, description="pairs a device and micro-step")
    accumulation: Whole = Field(1, ge=1, description="micro-steps an optimizer step")
    max_length: Whole = Field(512, ge=8, description="tokens of prompt and completion")
    loss_type: Literal["sigmoid", "ipo", "hinge", "robust"] = Field("sigmoid", description="DPO objective")
    reference: Literal["base", "parent"] = Field("base", description="what KL is held to: the baseline, or the parent")
    precompute_reference: bool = Field(
        False,
        description="score the pairs under the reference once, before the first step: saves its forward in each step",
    )
    optimizer: Literal["adamw", "adamw_8bit", "paged_adamw_8bit"] = Field(
        "adamw",
        description="8-bit keeps a quarter of AdamW's state, less exactly; paged spills it to the host when full",
    )
    scheduler: Literal["linear", "cosine", "constant"] = Field("linear", description="learning-rate schedule")
    warmup_steps: Whole = Field(0, ge=0, description="steps of linear warm-up")
    weight_decay: Real = Field(0.0, ge=0, le=1, description="AdamW weight decay")
    max_grad_norm: Real = Field(1.0, gt=0, description="gradient clipping")
    logging_steps: Whole = Field(1, ge=1, description="steps between metric rows")
    checkpoint_steps: Whole = Field(50, ge=1, description="steps between checkpoints, which a resume continues from")
    seed: Whole = Field(0, ge=0, description="of sampling, shuffling and initialisation")
