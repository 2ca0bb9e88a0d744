"""Pairs far longer than the rest: they would fill the memory, and be cut where their point is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from engine.data.task import Pair

FAR = 3.5  # robust standard deviations of log length
LEAST_SPREAD = 0.2  # data of one length has no spread; a fifth more is no outlier


def length_filter(pairs: Sequence[Pair]) -> Callable[[Pair], bool]:
    """Whether a pair's longer side is in line, by median and MAD of the log length in words."""
    lengths = [_log_length(pair) for pair in pairs]
    middle = statistics.median(lengths) if lengths else 0.0
    spread = 1.4826 * statistics.median(abs(length - middle) for length in lengths) if lengths else 0.0
    limit = middle + FAR * max(spread, LEAST_SPREAD)
    return lambda pair: _log_length(pair) <= limit


def _log_length(pair: Pair) -> float:
    return math.log(1 + max(len(pair.chosen.split()), len(pair.rejected.split())))
