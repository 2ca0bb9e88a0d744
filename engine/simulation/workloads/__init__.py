"""What each stage of a run does to a card's memory: one file a workload.

A workload is given the resident model of a scene and works through the stage's worst moments with the stage's own
code: the largest batch, the longest sequences, optimizer states as they are from the second step on. It tells the
tracker where it is. To add a stage, write its `run(scene)` and name it in `WORKLOADS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.config.schema import RunConfig
from engine.errors import PlanError
from engine.simulation.scene import Scene
from engine.simulation.workloads import collect, evaluate, imitation, policy, preference, rewarding

__all__ = ["WORKLOADS", "Workload", "workloads_of"]


@dataclass(frozen=True, slots=True)
class Workload:
    """A stage under its name in the recipe; `applies` says whether a config makes it use the card at all, `assumed` in
    what the simulation is not the stage.
    """

    stage: str
    run: Callable[[Scene], None]
    applies: Callable[[RunConfig], bool] = lambda _: True
    assumed: Callable[[RunConfig], tuple[str, ...]] = lambda _: ()


WORKLOADS: Mapping[str, tuple[Workload, ...]] = {
    "dpo": (
        Workload("collect", collect.run, collect.applies),
        Workload("dpo", preference.run, assumed=preference.assumed),
        Workload("evaluate", evaluate.run),
    ),
    "rlhf": (
        Workload("sft", imitation.run, imitation.applies),
        Workload("collect", collect.run, collect.applies),
        Workload("reward", rewarding.run, rewarding.applies),
        Workload("ppo", policy.run, assumed=policy.assumed),
        Workload("evaluate", evaluate.run_rewarded),
    ),
}
"""`collect` is a part of rlhf's reward stage; its last stage, `filter`, samples and scores as `evaluate` does."""


def workloads_of(config: RunConfig) -> tuple[Workload, ...]:
    """The stages that use the card. Raises PlanError for a recipe whose stages are not simulated."""
    if config.recipe not in WORKLOADS:
        raise PlanError(
            f"recipe: {config.recipe} cannot be planned: its stages are not simulated",
            remedy=f"planned are {', '.join(WORKLOADS)}: --set recipe=dpo plans a training on the same pairs",
        )
    return tuple(workload for workload in WORKLOADS[config.recipe] if workload.applies(config))
