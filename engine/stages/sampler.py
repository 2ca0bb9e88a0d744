"""Which pairs an epoch shows, and how often: as their weights say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random

from torch.utils.data import Sampler

from engine.memory.forecast import longest_first


class WeightedEpochs(Sampler[int]):
    """As many draws an epoch as there are pairs; a pair comes up in proportion to its weight.

    Draws are systematic: a pair that is due 1.5 times an epoch comes once or twice, never thrice, and 1.5 times in the
    long run. Every epoch has a seed of its own, so that a resumed training goes on in the same order.
    """

    def __init__(self, weights: Sequence[float], seed: int) -> None:
        self._weights, self._seed, self._epoch = tuple(weights), seed, 0

    def __len__(self) -> int:
        return len(self._weights)

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        rng = Random(f"{self._seed}:{self._epoch}")
        order = rng.sample(range(len(self)), len(self))
        edges = list(accumulate(self._weights[i] for i in order))
        step, place, drawn = edges[-1] / len(self), 0, []
        offset = rng.random()
        for draw in range(len(self)):
            while place < len(self) - 1 and edges[place] <= (draw + offset) * step:
                place += 1
            drawn.append(order[place])
        rng.shuffle(drawn)
        return iter(drawn)


class LongestFirst(Sampler[int]):
    """The first epoch of `inner` with its longest examples in front; later epochs are as `inner` has them."""

    def __init__(self, inner: WeightedEpochs, lengths: Sequence[int], batch_size: int) -> None:
        self._inner, self._lengths, self._batch = inner, lengths, batch_size
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._inner)

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self._inner.set_epoch(epoch)

    def __iter__(self) -> Iterator[int]:
        order = list(self._inner)
        return iter(order if self._epoch else longest_first(self._lengths, self._batch, order))
