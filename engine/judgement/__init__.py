"""The rules: what is wrong with an iteration, how sure that is, what to change and do. Pure: records in and out."""

from engine.judgement.assess import assess, judge
from engine.judgement.best import best
from engine.judgement.compare import Comparison, compare
from engine.judgement.convergence import Convergence, converged, convergence
from engine.judgement.evidence import interval
from engine.judgement.proposal import next_settings
from engine.judgement.tree import settings_of

__all__ = [
    "Comparison",
    "Convergence",
    "assess",
    "best",
    "compare",
    "converged",
    "convergence",
    "interval",
    "judge",
    "next_settings",
    "settings_of",
]
