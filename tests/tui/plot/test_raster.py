from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tui.plot.raster import Spans, cells, spans

WIDTH, HEIGHT = 20, 16
ROWS = st.lists(st.floats(-5, HEIGHT + 5), min_size=1, max_size=60)


def lit(columns: list[float], rows: list[float], width: int = WIDTH) -> list[tuple[int, int] | None]:
    found = spans(np.array(columns), np.array(rows), np.array(rows), width, HEIGHT)
    return [(int(a), int(b)) if a <= b else None for a, b in zip(*found, strict=True)]


@given(ROWS)
def test_no_spike_is_lost(rows: list[float]) -> None:
    columns = [i * WIDTH / len(rows) for i in range(len(rows))]
    found = lit(columns, rows)
    for column, row in zip(columns, rows, strict=True):
        if 0 <= row <= HEIGHT - 1:
            span = found[int(column)]
            assert span is not None
            assert span[0] <= np.floor(row + 0.5) <= span[1]


@given(st.lists(st.floats(0, HEIGHT - 1), min_size=2, max_size=60))
def test_a_line_without_gaps_is_drawn_without_gaps(rows: list[float]) -> None:
    found = lit([i * (WIDTH - 1) / (len(rows) - 1) for i in range(len(rows))], rows)
    for left, right in pairwise(found):
        assert left is not None
        assert right is not None
        assert left[0] <= right[1] + 1
        assert right[0] <= left[1] + 1


def test_a_missing_value_breaks_the_line() -> None:
    found = lit([0, 5, 10, 15], [3, 3, np.nan, 3])
    assert all(found[: 5 + 1])
    assert found[6:15] == [None] * 9
    assert found[15] == (3, 3)


def test_points_outside_lead_the_line_to_the_edge() -> None:
    assert lit([-10, 30], [4, 4]) == [(4, 4)] * WIDTH
    assert lit([-10, -5], [4, 4]) == [None] * WIDTH


def test_no_points_and_no_numbers_light_nothing() -> None:
    assert lit([], []) == [None] * WIDTH
    assert lit([1, 2], [np.nan, np.nan]) == [None] * WIDTH


def test_a_single_point_is_one_dot() -> None:
    assert [span for span in lit([7], [2]) if span] == [(2, 2)]


def one(column: int, first: int, last: int, width: int) -> Spans:
    top, bottom = np.full(width, 1), np.zeros(width, int)
    top[column], bottom[column] = first, last
    return top, bottom


def test_cells_set_the_bit_of_row_and_column() -> None:
    assert cells(one(0, 0, 0, 4), (2, 4), 2) == [[1, 0], [0, 0]]
    assert cells(one(3, 3, 4, 4), (2, 4), 2) == [[0, 1 << 7], [0, 1 << 1]]
    assert cells(one(1, 0, 3, 2), (1, 2), 2) == [[0, 0b11], [0, 0b11]]


@given(st.integers(0, 15), st.integers(0, 15), st.integers(0, 7))
def test_cells_light_as_many_dots_as_the_span_is_long(a: int, b: int, column: int) -> None:
    first, last = min(a, b), max(a, b)
    grid = cells(one(column, first, last, 8), (2, 4), 4)
    assert sum(code.bit_count() for row in grid for code in row) == last - first + 1
