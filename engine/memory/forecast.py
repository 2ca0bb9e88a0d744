"""What the longest batch of a training will take of the card, from the batches before it. Pure; sizes are bytes.

Beside what stays (weights, adapters, optimizer state, gradients) a micro-batch takes memory that grows with its padded
tokens, and with the square of its width where attention keeps its scores. Part of it (one layer's dequantised weights,
a tile of logits) does not grow, so growth in full proportion bounds it from above, and a straight line through two
batches from below. Both are of torch's allocated bytes: fragments, and what other stages need, are not in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.records import Forecast


@dataclass(frozen=True, slots=True)
class Batch:
    """A padded micro-batch of `rows` sequences, each `width` tokens."""

    rows: int
    width: int

    @property
    def tokens(self) -> int:
        return self.rows * self.width


@dataclass(frozen=True, slots=True)
class Seen:
    """One batch: bytes allocated `before` it, and at its `peak`."""

    batch: Batch
    before: int
    peak: int

    @property
    def extra(self) -> int:
        return self.peak - self.before


class Forecaster:
    """Remembers the shortest and the longest batch so far; `worst` is the longest that the data can make."""

    def __init__(self, worst: Batch, *, square: bool = False) -> None:
        self._worst, self._square = worst, square
        self._shortest: Seen | None = None
        self._longest: Seen | None = None
        self._stays = self._top = 0

    def saw(self, batch: Batch, before: int, peak: int) -> Forecast:
        """Note a batch that went through whole, and say what is to come."""
        new = Seen(batch, before, peak)
        if self._shortest is None or batch.tokens < self._shortest.batch.tokens:
            self._shortest = new
        if self._longest is None or batch.tokens >= self._longest.batch.tokens:
            self._longest = new
        self._stays, self._top = max(self._stays, before), max(self._top, peak)
        return estimate(self._shortest, self._longest, self._stays, self._top, self._worst, square=self._square)


def estimate(shortest: Seen, longest: Seen, stays: int, top: int, worst: Batch, *, square: bool = False) -> Forecast:
    """Where the peak will lie. `stays` is the most that was allocated before a batch, `top` the highest peak so far.

    `square`: attention keeps its scores, as without flash or memory-efficient kernels.
    """
    tokens, seen = worst.tokens, longest.batch.tokens
    if seen >= tokens:
        return Forecast(top, top, tokens, seen)
    growth = tokens / seen * (worst.width / longest.batch.width if square else 1.0)
    high = max(top, stays + round(longest.extra * growth))
    span = seen - shortest.batch.tokens
    slope = max(0.0, (longest.extra - shortest.extra) / span) if span else 0.0
    low = max(top, min(high, stays + longest.extra + round(slope * (tokens - seen))))
    return Forecast(low, high, tokens, seen)


def longest_first(lengths: Sequence[int], batch_size: int, order: Sequence[int] | None = None) -> list[int]:
    """`order` (default: as they come) with its `batch_size` longest examples moved to the front, the rest as it was.

    So the widest batch that the data can make is the first, and a run that will not fit says so in its first minute.
    """
    given = list(range(len(lengths)) if order is None else order)
    places = sorted(range(len(given)), key=lambda place: -lengths[given[place]])[:batch_size]
    front = set(places)
    return [given[place] for place in places] + [index for place, index in enumerate(given) if place not in front]
