"""Every key that a run's YAML may hold, with its type, its bounds and what it is for.

The `training` section is special: it is one iteration's flat config, the part that a gate may change. Its names are
the ones in `--set`, in a proposal, in a history and on the screen, with or without the `training.` in front.
"""

from engine.config.schema.architecture import ArchitectureConfig
from engine.config.schema.data import DataConfig
from engine.config.schema.evaluation import EvaluationConfig, TaskConfig
from engine.config.schema.fields import Section
from engine.config.schema.harvest import HarvestConfig
from engine.config.schema.judges import EndpointConfig, JudgesConfig, RewardModelConfig
from engine.config.schema.memory import MemoryConfig
from engine.config.schema.model import ModelConfig
from engine.config.schema.ppo import PpoConfig
from engine.config.schema.reward import RewardConfig
from engine.config.schema.run import RECORD_BOUNDS, RunConfig
from engine.config.schema.sft import SftConfig
from engine.config.schema.training import TrainingConfig

__all__ = [
    "RECORD_BOUNDS",
    "ArchitectureConfig",
    "DataConfig",
    "EndpointConfig",
    "EvaluationConfig",
    "HarvestConfig",
    "JudgesConfig",
    "MemoryConfig",
    "ModelConfig",
    "PpoConfig",
    "RewardConfig",
    "RewardModelConfig",
    "RunConfig",
    "Section",
    "SftConfig",
    "TaskConfig",
    "TrainingConfig",
]
