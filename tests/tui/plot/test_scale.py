import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.plot.scale import fit, nice_step, ticks

VALUES = st.floats(-1e9, 1e9, allow_nan=False)


@given(VALUES, VALUES, st.integers(1, 60), st.sampled_from([2, 4]))
def test_an_axis_holds_its_range_and_labels_it_at_even_distances(a: float, b: float, rows: int, down: int) -> None:
    low, high = min(a, b), max(a, b)
    axis = fit(low, high, rows, down)
    for value in (low, high):
        assert -0.51 <= axis.place(value) <= rows * down - 0.49
    at = [round(axis.place(value) // down) for value, _ in axis.named]
    assert len({later - earlier for earlier, later in pairwise(at)}) <= 1


@pytest.mark.parametrize("rows", [4, 8, 11, 30])
def test_the_range_is_not_wasted(rows: int) -> None:
    for high in np.linspace(0.05, 9, 40):
        axis = fit(0.0, float(high), rows, 4)
        assert axis.place(0.0) - axis.place(float(high)) >= 0.5 * (rows * 4 - 1)


def test_labels_are_round_and_zero_stands_at_the_bottom_row_of_a_positive_axis() -> None:
    axis = fit(0.0, 1.0, 11, 4)
    assert [label for _, label in axis.named] == ["1.0", "0.8", "0.6", "0.4", "0.2", "0"]
    assert axis.place(0.0) // 4 == 10


def test_a_step_is_chosen_whose_labels_are_whole_in_the_margin() -> None:
    for low in np.linspace(-0.5, 0.5, 60):
        axis = fit(float(low), float(low) + 0.031, 9, 4, widest=6)
        assert axis.named
        assert all(len(label) <= 6 for _, label in axis.named)


def test_noise_within_the_range_leaves_the_axis_as_it_is() -> None:
    assert fit(0.21, 0.93, 11, 4) == fit(0.211, 0.929, 11, 4)


def test_a_constant_series_lies_within_its_axis() -> None:
    for value in (0.0, 2.0, -3e-7, 1e12):
        axis = fit(value, value, 6, 4)
        assert 0 <= axis.place(value) <= 23


def test_a_log_axis_has_no_place_for_zero_and_below() -> None:
    axis = fit(1e-4, 1.0, 10, 4, log=True)
    assert math.isnan(axis.place(0.0))
    assert math.isnan(axis.place(-1.0))
    assert axis.place(1.0) == 0
    assert [label for _, label in axis.named] == ["1e-4", "0.001", "0.01", "0.1", "1"]


def test_a_narrow_log_range_is_labelled_1_2_5() -> None:
    assert [label for _, label in fit(0.2, 1.0, 10, 4, log=True).named] == ["0.2", "0.5", "1"]


@given(st.lists(st.floats(allow_nan=True), min_size=1, max_size=30), st.booleans())
def test_many_places_are_the_places_of_each(values: list[float], log: bool) -> None:
    axis = fit(0.5, 80.0, 9, 4, log=log)
    for many, one in zip(axis.places(np.array(values)), [axis.place(value) for value in values], strict=True):
        assert many == pytest.approx(one, rel=1e-6, abs=1e-6, nan_ok=True)


@given(st.floats(1e-9, 1e9), st.integers(1, 12))
def test_a_nice_step_is_round_and_large_enough(span: float, count: int) -> None:
    step = nice_step(span, count)
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - nice) for nice in (1, 2, 2.5, 5)) < 1e-6
    assert step * count >= span * (1 - 1e-6)


def test_ticks_of_an_empty_range_are_its_only_value() -> None:
    assert ticks(3.0, 3.0, 5) == [3.0]
