"""A whole run's config: its sections, and what belongs to none."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from engine.config.schema.data import DataConfig
from engine.config.schema.evaluation import EvaluationConfig
from engine.config.schema.fields import Section, Whole
from engine.config.schema.harvest import HarvestConfig
from engine.config.schema.judges import JudgesConfig
from engine.config.schema.memory import MemoryConfig
from engine.config.schema.model import ModelConfig
from engine.config.schema.ppo import PpoConfig
from engine.config.schema.reward import RewardConfig
from engine.config.schema.sft import SftConfig
from engine.config.schema.training import TrainingConfig
from engine.records import Budget, Thresholds

RECORD_BOUNDS: dict[str, tuple[float, float]] = {
    "thresholds.retention": (0, 1),
    "thresholds.critical_retention": (0, 1),
    "thresholds.win_rate": (0, 1),
    "thresholds.alignment_goal": (0, 1),
    "thresholds.confidence": (0.5, 0.9999),
    "thresholds.converged_iterations": (2, 1000),
    "thresholds.diminishing_iterations": (2, 1000),
    "thresholds.slow_iterations": (2, 1000),
    "thresholds.category_gap": (0, 1),
    "thresholds.reward_accuracy": (0, 1),
    "thresholds.diversity": (0, 1),
    "thresholds.decontamination": (0, 1),
}
"""Bounds of the sections that are plain records; what is not named here must be 0 or more."""


def _decider(value: object) -> object:
    if value in ("ask", "auto") or (isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9):
        return value
    raise ValueError("expected ask, auto, or a number of seconds")


class RunConfig(Section):
    """A whole run."""

    recipe: Literal["dpo", "rlhf"] = Field("dpo", description="the order of stages")
    model: ModelConfig = ModelConfig()
    memory: MemoryConfig = MemoryConfig()
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    sft: SftConfig = SftConfig()
    reward: RewardConfig = RewardConfig()
    ppo: PpoConfig = PpoConfig()
    harvest: HarvestConfig = HarvestConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    judges: JudgesConfig = JudgesConfig()
    thresholds: Thresholds = Field(Thresholds(), description="when a rule fires (spec, section 4)")
    budget: Budget = Field(Budget(iterations=5), description="what the run may spend")
    evidence: bool = Field(True, description="off judges by bare thresholds, labelled so")
    compound: bool = Field(False, description="several weaknesses' multipliers as a product, not the strongest alone")
    decide: Annotated[Literal["ask", "auto"] | float, BeforeValidator(_decider)] = Field(
        "ask", description="who decides at a gate: ask (you), auto (the rules), or seconds to wait before auto"
    )
    threads: Whole = Field(1, ge=1, le=256, description="CPU threads of the engine")

    @model_validator(mode="before")
    @classmethod
    def _read_old_judge(cls, raw: Any) -> Any:
        """A run that began before `judges` was a section recorded its judge as `evaluation.judge`."""
        evaluation = raw.get("evaluation") if isinstance(raw, dict) else None
        if not isinstance(evaluation, dict) or "judge" not in evaluation or raw.get("judges"):
            return raw
        kept = {name: value for name, value in evaluation.items() if name != "judge"}
        return {**raw, "evaluation": kept, "judges": {"training": evaluation["judge"]}}
