"""The forecast against a made-up card whose batches take known sizes, and the order that probes the longest first."""

import random

import pytest

from engine.memory.forecast import Batch, Forecaster, longest_first

STAYS, PIECE, TOKEN = 6_000, 500, 2
"""Bytes of the made-up card: what stays, what each batch takes whatever its length, and each token."""


def takes(batch: Batch, scores: float = 0.0) -> int:
    return STAYS + PIECE + TOKEN * batch.tokens + round(scores * batch.rows * batch.width**2)


@pytest.mark.parametrize("scores", [0.0, 0.001])
def test_the_truth_lies_between_the_bounds_whatever_was_seen(scores: float) -> None:
    chance = random.Random(3)
    worst = Batch(4, 1024)
    forecaster = Forecaster(worst, square=scores > 0)
    for _ in range(40):
        batch = Batch(4, chance.randrange(16, 1000))
        forecast = forecaster.saw(batch, STAYS, takes(batch, scores))
        assert forecast.low <= takes(worst, scores) <= forecast.high
        assert not forecast.certain


def test_two_lengths_find_a_straight_line_exactly() -> None:
    forecaster = Forecaster(Batch(4, 1024))
    forecaster.saw(Batch(4, 100), STAYS, takes(Batch(4, 100)))
    assert forecaster.saw(Batch(4, 300), STAYS, takes(Batch(4, 300))).low == takes(Batch(4, 1024))


def test_longer_batches_narrow_what_is_open() -> None:
    forecaster, widths = Forecaster(Batch(2, 1000)), []
    for width in (50, 200, 700, 1000):
        forecast = forecaster.saw(Batch(2, width), STAYS, takes(Batch(2, width)))
        widths.append(forecast.high - forecast.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 0
    assert forecast.certain
    assert forecast.high == takes(Batch(2, 1000))


def test_state_that_grows_meanwhile_counts() -> None:
    """The optimizer's state comes after the first batch."""
    forecaster = Forecaster(Batch(2, 200))
    first = forecaster.saw(Batch(2, 100), STAYS, takes(Batch(2, 100)))
    second = forecaster.saw(Batch(2, 50), STAYS + 1_000, takes(Batch(2, 50)) + 1_000)
    assert second.high == first.high + 1_000


def test_the_longest_come_first_and_the_rest_keep_its_order() -> None:
    assert longest_first([3, 9, 1, 7, 5], 2) == [1, 3, 0, 2, 4]
    assert longest_first([3, 9, 1, 7, 5], 2, order=[4, 3, 2, 1, 0]) == [1, 3, 4, 2, 0]
    assert longest_first([3, 9], 8) == [1, 0]
    assert longest_first([], 2) == []


def test_an_example_drawn_twice_stays_drawn_twice() -> None:
    order = longest_first([3, 9, 1], 2, order=[1, 0, 1])
    assert sorted(order) == [0, 1, 1]
    assert order[:2] == [1, 1]
