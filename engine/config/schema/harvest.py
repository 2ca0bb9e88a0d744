"""The `harvest` section: which of its own samples an iteration of the rlhf recipe leaves to the next one's SFT."""

from __future__ import annotations

from pydantic import Field

from engine.config.schema.fields import Real, Section, Whole


class HarvestConfig(Section):
    """Samples on prompts that may be trained on, scored by the reward model and a judge that training never asks."""

    prompts: Whole = Field(120, ge=1, description="prompts sampled from")
    completions: Whole = Field(8, ge=1, le=64, description="samples a prompt")
    bar: Real = Field(1.0, ge=-100, le=100, description="least reward, in deviations above the baseline's mean")
    each: Whole = Field(3, ge=1, description="samples kept a prompt, at most")
    most: Whole = Field(2000, ge=1, description="samples kept in all, at most")
