"""The `training` section: one iteration's flat config, the part that a gate may change."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.config.schema.fields import Real, Section, Text, Whole
from engine.records.objectives import OBJECTIVES, mixture


def _objective(text: str) -> str:
    """One loss, or a sum of DPO's, in the way that we write it."""
    return mixture(text).name


class TrainingConfig(Section):
    """One iteration's flat config: what a proposal may change and a gate may edit."""

    beta: Real = Field(
        0.1, ge=0.01, le=1, description="higher stays closer to the reference; orpo: its odds ratio's weight"
    )
    learning_rate: Real = Field(1e-6, ge=1e-8, le=1e-3, description="peak learning rate")
    max_steps: Whole = Field(100, ge=1, le=10_000_000, description="optimizer steps an iteration")
    batch_size: Whole = Field(8, ge=1, description="pairs a device and micro-step")
    accumulation: Whole = Field(1, ge=1, description="micro-steps an optimizer step")
    max_length: Whole = Field(512, ge=8, description="tokens of prompt and completion")
    loss_type: Annotated[Text, AfterValidator(_objective)] = Field(
        "sigmoid",
        description="the objective: a loss, or a sum of DPO's such as 0.8*sigmoid + 0.2*bco_pair + sft",
        json_schema_extra={"choices": list(OBJECTIVES)},
    )
    label_smoothing: Real | None = Field(
        None, ge=0, lt=0.5, description="share of flipped labels (robust, aot) or ε (exo_pair); default: the loss's own"
    )
    discopop_tau: Real = Field(0.05, gt=0, le=10, description="discopop's temperature of the log-ratio")
    desirable_weight: Real = Field(1.0, gt=0, le=100, description="kto's weight of the good answers")
    undesirable_weight: Real = Field(1.0, gt=0, le=100, description="kto's weight of the bad answers")
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

    @model_validator(mode="after")
    def _smooth_enough(self) -> Self:
        """EXO's target is log ε of the rejected."""
        if self.label_smoothing == 0 and any(one.name == "exo_pair" for one in mixture(self.loss_type).objectives):
            raise ValueError("label_smoothing = 0 does not go with exo_pair: leave it out, or take 0.001")
        return self
