from __future__ import annotations

from collections import Counter

import pytest

from engine.stages.sampler import WeightedEpochs


def epochs(weights: list[float], count: int, seed: int = 0) -> list[list[int]]:
    sampler, shown = WeightedEpochs(weights, seed), []
    for epoch in range(count):
        sampler.set_epoch(epoch)
        shown.append(list(sampler))
    return shown


def test_a_pair_comes_up_as_often_as_its_weight_says() -> None:
    weights = [2.0] * 10 + [1.0] * 20 + [0.0] * 5
    shown = epochs(weights, 40)
    assert all(len(epoch) == len(weights) for epoch in shown)
    counts = Counter(i for epoch in shown for i in epoch)
    heavy, light = (sum(counts[i] for i in part) / len(part) for part in (range(10), range(10, 30)))
    assert heavy == pytest.approx(40 * 35 * 2 / 40, rel=0.02)
    assert heavy / light == pytest.approx(2, rel=0.03)
    assert sum(counts[i] for i in range(30, 35)) == 0


def test_within_an_epoch_no_pair_is_more_than_one_off_what_it_is_due() -> None:
    weights = [1.5, 1.0, 0.5, 2.0] * 8
    mean = sum(weights) / len(weights)
    for epoch in epochs(weights, 10):
        counts = Counter(epoch)
        assert all(abs(counts[i] - weight / mean) < 1 for i, weight in enumerate(weights))


def test_every_epoch_is_another_order_and_the_same_each_time() -> None:
    weights = [1.0, 2.0] * 20
    assert epochs(weights, 3) == epochs(weights, 3)
    one, two, three = epochs(weights, 3)
    assert one != two != three
    assert epochs(weights, 1, seed=1) != [one]
    assert list(WeightedEpochs(weights, 0)) == one
