"""What the policy is trained by: one file a family of losses, each with its trainer, all run by the `dpo` stage."""

from collections.abc import Mapping

from engine.records.objectives import Family
from engine.stages.objectives.arguments import MakeTrainer
from engine.stages.objectives.direct import direct_trainer
from engine.stages.objectives.odds import odds_trainer
from engine.stages.objectives.ranking import ranking_trainer
from engine.stages.objectives.unpaired import unpaired_trainer

TRAINERS: Mapping[Family, MakeTrainer] = {
    "dpo": direct_trainer,
    "kto": unpaired_trainer,
    "orpo": odds_trainer,
    "rrhf": ranking_trainer,
}

__all__ = ["TRAINERS"]
