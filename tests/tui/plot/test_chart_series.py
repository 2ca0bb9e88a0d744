import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.plot.series import Series, ema


def series(y: list[float], tau: float = 0.0) -> Series:
    return Series.of(range(len(y)), y, y, y, tau)


def test_smoothing_does_not_change_with_the_number_of_points() -> None:
    """A tenth of the points, each the mean of ten: the average at the end is that of the full series."""
    x = np.arange(2000.0)
    y = np.sin(x / 300)
    full = ema(x, y, 100.0)
    tenth = ema(x.reshape(-1, 10).mean(1), y.reshape(-1, 10).mean(1), 100.0)
    assert full[-1] == pytest.approx(tenth[-1], abs=0.02)


def test_smoothing_does_not_change_with_zoom_once_it_is_warm() -> None:
    x = np.arange(1000.0)
    y = np.cos(x / 40)
    assert ema(x[400:], y[400:], 20.0)[200:] == pytest.approx(ema(x, y, 20.0)[600:], abs=1e-4)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0.1, 100))
def test_an_average_lies_within_what_it_averages(y: list[float], tau: float) -> None:
    smooth = ema(np.arange(float(len(y))), np.array(y), tau)
    assert smooth[0] == pytest.approx(y[0])
    assert smooth.min() >= min(y) - 1e-6
    assert smooth.max() <= max(y) + 1e-6


def test_what_is_no_number_stays_so_and_is_passed_over() -> None:
    smooth = ema(np.arange(4.0), np.array([2.0, math.nan, math.inf, 2.0]), 10.0)
    assert smooth[0] == smooth[3] == 2.0
    assert np.isnan(smooth[1:3]).all()


def test_the_start_is_not_biased_towards_the_first_value() -> None:
    """After three time constants of ones, a first value of 100 weighs as any other point of its age."""
    smooth = ema(np.arange(31.0), np.array([100.0] + [1.0] * 30), 10.0)
    ages = np.exp(-np.arange(31) / 10)
    assert smooth[-1] == pytest.approx(1 + 99 * ages[-1] / ages.sum())


def test_no_time_constant_is_no_smoothing() -> None:
    assert series([1.0, 5.0]).smooth.tolist() == [1.0, 5.0]
    assert series([1.0, 5.0]).smoothed(1.0).smooth[1] < 5.0


def test_points_within_a_view_keep_a_neighbour_on_either_side() -> None:
    assert series([0.0] * 10).within((3.5, 5.5)).x.tolist() == [3, 4, 5, 6]
    assert series([0.0] * 3).within((-5, 50)).x.tolist() == [0, 1, 2]


def test_last_and_nearest() -> None:
    points = series([1.0, 2.0, math.nan])
    assert points.last() == 1
    assert points.nearest(0.6) == 1
    assert points.nearest(99) == 2
    assert series([]).nearest(1) is series([]).last() is series([]).extent is None
