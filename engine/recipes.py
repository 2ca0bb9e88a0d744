"""The order of an iteration's stages, a recipe a name. What each stage does is in its own file under `stages/`."""

from __future__ import annotations

from collections.abc import Mapping

from engine.stages import baseline, collect, dpo, evaluate, filter, harvest, policy, reward, sft  # noqa: A004  (a stage's name)
from engine.stages.job import Stage

EVALUATE = Stage("evaluate", evaluate.run)

BASELINE = (Stage("adapter", baseline.adapter), EVALUATE)
"""Iteration 0: the model as it is, measured. `baseline.muster` has made or loaded it before."""

RECIPES: Mapping[str, tuple[Stage, ...]] = {
    "dpo": (Stage("collect", collect.run), Stage("filter", filter.run), Stage("dpo", dpo.run), EVALUATE),
    "rlhf": (
        Stage("sft", sft.run),
        Stage("reward", reward.run),
        Stage("ppo", policy.run),
        EVALUATE,
        Stage("filter", harvest.run),
    ),
}
"""`diagnose` and `gate` follow every recipe and belong to the loop: they judge the iteration, not make it."""
