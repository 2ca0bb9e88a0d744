"""What is wrong with an iteration: each detector names one type of weakness, with the evidence behind it.

A new type joins as one more function in `DETECTORS`. A detector sees the whole history, so that trends fit too. Trends
follow the line of accepted iterations (`tree.line`): abandoned tries are on no trend. A metric that is missing or not
finite never fires one; that it is missing is an evaluation failure, which the gates name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.judgement import tree
from engine.judgement.weaknesses.alignment import below_floor, insufficient_alignment, kl_violation
from engine.judgement.weaknesses.capability import capability_regression, creeping_regression
from engine.judgement.weaknesses.categories import category_gap
from engine.judgement.weaknesses.data import data_quality, diversity_collapse
from engine.judgement.weaknesses.divergence import over_optimisation
from engine.judgement.weaknesses.finding import rank
from engine.judgement.weaknesses.rewards import reward_degradation, reward_instability, task_degradation
from engine.judgement.weaknesses.trends import alternating, slow_convergence
from engine.records import History, Weakness

__all__ = ["DETECTORS", "Detector", "confirmed_regressions", "find_weaknesses", "sure"]

Detector = Callable[[History], Iterable[Weakness]]

DETECTORS: tuple[Detector, ...] = (
    below_floor,
    capability_regression,
    creeping_regression,
    kl_violation,
    insufficient_alignment,
    over_optimisation,
    reward_degradation,
    task_degradation,
    reward_instability,
    alternating,
    slow_convergence,
    category_gap,
    diversity_collapse,
    data_quality,
)


def find_weaknesses(history: History) -> tuple[Weakness, ...]:
    """Every weakness of the last iteration, worst first. The baseline has none: it is what others are held against."""
    if tree.current(history).index == tree.BASELINE:
        return ()
    found = [weakness for detect in DETECTORS for weakness in detect(history)]
    if not history.evidence:
        found = [replace(weakness, evidence="off", p_value=None, test="bare threshold") for weakness in found]
    return tuple(sorted(found, key=rank))


def sure(weakness: Weakness) -> bool:
    """May this finding alone cost an iteration? Yes when confirmed, or when the operator turned evidence off."""
    return weakness.evidence in {"confirmed", "off"}


def confirmed_regressions(weaknesses: Iterable[Weakness]) -> list[Weakness]:
    """Capabilities really lost, at once or little by little: what costs an iteration, and bars it from being best."""
    lost = {"capability_regression", "creeping_regression"}
    return [weakness for weakness in weaknesses if weakness.type in lost and sure(weakness)]
