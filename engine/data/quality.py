"""What an iteration's data is worth in numbers: the metrics that the rule `data_quality` reads."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from engine.data.filters import FilterReport
from engine.data.task import Pair
from engine.records import DECONTAMINATION, PAIRS, PREFERENCE_GAP, Metric

TAILS = 0.025  # of the scores, at either end: one freak answer does not set the scale


def data_metrics(report: FilterReport) -> list[Metric]:
    """How many pairs there are, how clear they are, and what share of all that was collected is not in the evaluation.

    The gap is left out where no pair has scores: nobody has said by how much one side is better.
    """
    everything = [*report.kept, *(pair for pair, _ in report.out)]
    found = [Metric(PAIRS, float(len(report.kept)), n=len(report.kept))]
    gap = preference_gap(report.kept, everything)
    if gap is not None:
        found.append(gap)
    if report.clean_share is not None:
        found.append(Metric(DECONTAMINATION, report.clean_share, n=len(everything)))
    return found


def preference_gap(kept: Sequence[Pair], everything: Sequence[Pair]) -> Metric | None:
    """The mean gap of the kept pairs as a share of the scale that their judge used, in [0, 1], with a 95 % interval.

    Judges have scales of their own, so a gap is measured in the spread of all scores that the same source gave.
    """
    gaps = []
    for source in sorted({pair.source for pair in everything}):
        spread = _spread([score for pair in everything if pair.source == source for score in pair.scores or ()])
        mine = [pair.gap for pair in kept if pair.source == source and pair.scores and pair.gap is not None]
        gaps += [min(1.0, max(0.0, gap / spread)) if spread else 0.0 for gap in mine]
    if not gaps:
        return None
    mean = statistics.fmean(gaps)
    error = 1.96 * statistics.stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else 0.0
    return Metric(PREFERENCE_GAP, mean, n=len(gaps), low=max(0.0, mean - error), high=min(1.0, mean + error))


def _spread(scores: Sequence[float]) -> float:
    if not scores:
        return 0.0
    ordered = sorted(scores)
    cut = int(TAILS * len(ordered))
    return ordered[-1 - cut] - ordered[cut]
