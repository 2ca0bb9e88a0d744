"""The `sft` section: supervised fine-tuning, the first stage of the rlhf recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.schema.fields import Real, Section, Text, Whole


class SftConfig(Section):
    """What the SFT policy imitates, and how it learns. Lengths, clipping and the seed are the `training` section's."""

    path: Text | None = Field(
        None, description="file of examples (prompt and completion, messages, …); else the chosen sides of the pairs"
    )
    max_steps: Whole = Field(20, ge=0, le=1_000_000, description="optimizer steps an iteration; 0 leaves the stage out")
    learning_rate: Real = Field(1e-4, ge=1e-8, le=1e-1, description="peak learning rate")
    batch_size: Whole = Field(8, ge=1, description="examples a device and micro-step")
    accumulation: Whole = Field(1, ge=1, description="micro-steps an optimizer step")
    scheduler: Literal["linear", "cosine", "constant"] = Field("linear", description="learning-rate schedule")
    warmup_steps: Whole = Field(0, ge=0, description="steps of linear warm-up")
    weight_decay: Real = Field(0.0, ge=0, le=1, description="AdamW weight decay")
    max_examples: Whole = Field(2000, ge=1, description="fresh examples an iteration, at most")
    replay: Real = Field(
        0.5, ge=0, le=10, description="of the fresh ones: earlier iterations' examples that are shown again"
    )
    mix: Real = Field(0.25, ge=0, le=10, description="of the fresh ones: capability exercises that are mixed in")
    checkpoint_steps: Whole = Field(50, ge=1, description="steps between checkpoints, which a resume continues from")
    logging_steps: Whole = Field(1, ge=1, description="steps between metric rows")
