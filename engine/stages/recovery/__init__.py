"""A training step that does not fit in memory is done in parts: same batch, same gradients, told and remembered.

class MyTrainer(SurvivesOom, WholeCheckpoints, SFTTrainer)     # any loss, in pieces of rows
class MyTrainer(CutsPairs, WholeCheckpoints, DPOTrainer)       # pairs first, where the loss is a mean over them
"""

from engine.stages.recovery.ladder import Ladder
from engine.stages.recovery.pairs import CutsPairs
from engine.stages.recovery.trainer import SurvivesOom, learnt

__all__ = ["CutsPairs", "Ladder", "SurvivesOom", "learnt"]
