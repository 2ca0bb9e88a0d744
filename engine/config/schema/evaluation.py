"""The `evaluation` section."""

from __future__ import annotations

from pydantic import Field

from engine.config.schema.fields import Real, Section, Text, Whole


class EvaluationConfig(Section):
    """What every iteration is measured on: the same prompts, seeds and sampling each time."""

    prompts: Whole = Field(36, ge=1, description="held-out prompts")
    completions: Whole = Field(4, ge=1, le=64, description="sampled completions a prompt")
    max_new_tokens: Whole = Field(28, ge=1, description="length limit of a completion")
    batch_size: Whole = Field(256, ge=1, description="sequences evaluated at once")
    seed: Whole = Field(123, ge=0, description="of evaluation's sampling, the same each iteration")
    probes: tuple[Text, ...] = Field((), description="capability probe files (.jsonl); the demo brings its own")
    kl_probe_prompts: Whole = Field(8, ge=1, description="fixed prompts of the KL probe during training")
    kl_probe_tokens: Whole = Field(24, ge=1, description="and the length of its samples")
    kl_probe_share: Real = Field(
        0.02, ge=0, le=0.03, description="share of training time that the KL probe may take; 0 is off"
    )
