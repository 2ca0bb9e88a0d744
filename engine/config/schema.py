"""Every key that a run's YAML may hold, with its type, its bounds and what it is for.

The `training` section is special: it is one iteration's flat config, the part that a gate may change. Its names are
the ones in `--set`, in a proposal, in a history and on the screen, with or without the `training.` in front.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from engine.records import Budget, Thresholds


def _whole(value: object) -> object:
    """Refuse `5.5` and `true` for a whole number, which pydantic's lax mode would round or count."""
    if isinstance(value, bool | str) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError("expected a whole number")
    return value


def _real(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("expected a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


def _decider(value: object) -> object:
    if value in ("ask", "auto") or (isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9):
        return value
    raise ValueError("expected ask, auto, or a number of seconds")


Whole = Annotated[int, BeforeValidator(_whole)]
Real = Annotated[float, BeforeValidator(_real), Field(allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(strict=True, min_length=1)]


RECORD_BOUNDS: dict[str, tuple[float, float]] = {
    "thresholds.retention": (0, 1),
    "thresholds.critical_retention": (0, 1),
    "thresholds.win_rate": (0, 1),
    "thresholds.alignment_goal": (0, 1),
    "thresholds.confidence": (0.5, 0.9999),
    "thresholds.converged_iterations": (2, 1000),
    "thresholds.diminishing_iterations": (2, 1000),
}
"""Bounds of the sections that are plain records; what is not named here must be 0 or more."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ModelConfig(Section):
    """Which model, in what precision, and the adapter that is trained on it."""

    name: Text = Field("demo", description="`demo` (embedded), a hub name, or a local folder")
    gguf_file: Text | None = Field(None, description="a GGUF file inside that folder or repository")
    revision: Text | None = Field(None, description="a hub revision")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes the first CUDA card, else the CPU")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of the base; auto is bfloat16 on CUDA and float32 on the CPU"
    )
    quantization: Literal["none", "nf4", "int8"] = Field("none", description="of the base, by bitsandbytes")
    gradient_checkpointing: bool = Field(False, description="trade time for activation memory")
    lora_r: Whole = Field(8, ge=1, le=512, description="LoRA rank")
    lora_alpha: Whole = Field(16, ge=1, le=4096, description="LoRA scale numerator")
    lora_dropout: Real = Field(0.0, ge=0, lt=1, description="LoRA dropout")
    lora_targets: Text = Field("all-linear", description="modules to adapt: all-linear, or comma-separated names")


class DataConfig(Section):
    """Where preference pairs come from."""

    source: Literal["file", "on_policy", "both"] = Field("on_policy", description="recorded pairs, sampled pairs, both")
    path: Text | None = Field(None, description="local .json or .jsonl of pairs; for source file or both")
    dataset: Text | None = Field(None, description="or the name of a dataset on the hub")
    split: Text = Field("train", description="split of that dataset")
    held_out: Real = Field(0.1, gt=0, lt=0.9, description="share of file pairs kept for evaluation, never trained on")
    bad_share: Real = Field(0.05, ge=0, lt=1, description="refuse a file with a larger share of malformed records")
    max_pairs: Whole = Field(2000, ge=2, description="pairs an iteration trains on, at most")
    min_pairs: Whole = Field(16, ge=1, description="an iteration with fewer pairs is not trained")
    prompts: Whole = Field(160, ge=1, description="on-policy: prompts an iteration")
    completions: Whole = Field(6, ge=2, le=64, description="on-policy: completions a prompt")
    temperature: Real = Field(1.0, gt=0, le=5, description="on-policy: sampling temperature")
    max_new_tokens: Whole = Field(28, ge=1, description="on-policy: length limit of a completion")
    min_gap: Real = Field(0.5, ge=0, description="on-policy: least judged gap between chosen and rejected")
    batch_size: Whole = Field(256, ge=1, description="completions generated at once")


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
    scheduler: Literal["linear", "cosine", "constant"] = Field("linear", description="learning-rate schedule")
    warmup_steps: Whole = Field(0, ge=0, description="steps of linear warm-up")
    weight_decay: Real = Field(0.0, ge=0, le=1, description="AdamW weight decay")
    max_grad_norm: Real = Field(1.0, gt=0, description="gradient clipping")
    logging_steps: Whole = Field(1, ge=1, description="steps between metric rows")
    checkpoint_steps: Whole = Field(50, ge=1, description="steps between checkpoints, which a resume continues from")
    seed: Whole = Field(0, ge=0, description="of sampling, shuffling and initialisation")


class EvaluationConfig(Section):
    """What every iteration is measured on: the same prompts, seeds and sampling each time."""

    judge: Literal["auto", "demo", "overlap"] = Field(
        "auto", description="programmatic judge; auto is demo's own rule for the demo, else overlap with chosen"
    )
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


class RunConfig(Section):
    """A whole run."""

    recipe: Literal["dpo"] = Field("dpo", description="the order of stages")
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    thresholds: Thresholds = Field(Thresholds(), description="when a rule fires (spec, section 4)")
    budget: Budget = Field(Budget(iterations=5), description="what the run may spend")
    evidence: bool = Field(True, description="off judges by bare thresholds, labelled so")
    decide: Annotated[Literal["ask", "auto"] | float, BeforeValidator(_decider)] = Field(
        "ask", description="who decides at a gate: ask (you), auto (the rules), or seconds to wait before auto"
    )
    threads: Whole = Field(1, ge=1, le=256, description="CPU threads of the engine")
