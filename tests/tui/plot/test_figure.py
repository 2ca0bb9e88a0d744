import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui.glyphs import ASCII, UNICODE, Glyphs
from tui.plot.figure import Figure, Row, Series

NUMBERS = st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf)


def series(y: list[float], tau: float = 0.0) -> Series:
    return Series.of(range(len(y)), y, y, y, tau)


def text(rows: list[Row]) -> list[str]:
    return ["".join(part for part, _ in row) for row in rows]


@settings(max_examples=60)
@example([5e-324], 12, 1, True)
@given(st.lists(NUMBERS, max_size=40), st.integers(1, 90), st.integers(0, 20), st.booleans())
def test_any_data_at_any_size_fills_the_rows_exactly(y: list[float], width: int, height: int, log: bool) -> None:
    drawn = Figure(series(y, 3.0), (0, 50), log=log, limit=0.5, limit_label="limit", cursor=7, marks=((9, "2"),))
    rows = text(drawn.draw(width, height))
    assert len(rows) == height
    assert {len(row) for row in rows} <= {width}


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_ascii_glyphs_draw_ascii(glyphs: Glyphs) -> None:
    rows = text(Figure(series([1.0, 3, 2, 5]), (0, 4), limit=4, marks=((2, "1"),), glyphs=glyphs).draw(40, 9))
    assert all(row.isascii() for row in rows) == (glyphs is ASCII)


def test_a_rising_line_goes_from_the_bottom_left_to_the_top_right() -> None:
    rows = Figure(series([float(i) for i in range(101)]), (0, 100)).draw(47, 11)
    drawn = [[i for i, c in enumerate("".join(t for t, _ in row)[7:]) if c not in " "] for row in rows[:-1]]
    middles = [sum(row) / len(row) for row in drawn if row]
    assert middles == sorted(middles, reverse=True)


def test_the_limit_is_in_view_and_named() -> None:
    rows = text(Figure(series([0.01, 0.02]), (0, 1), limit=0.1, limit_label="limit 0.1").draw(50, 8))
    assert any("limit 0.1 ╌" in row for row in rows)


def test_the_raw_line_is_faint_and_the_smooth_one_bright() -> None:
    y = [0.0, 1.0] * 30
    tones = {tone for row in Figure(series(y, 20.0), (0, 60)).draw(50, 10) for _, tone in row}
    assert {"faint", "run"} <= tones


@pytest.mark.parametrize(
    ("y", "log", "view", "said"),
    [
        ([], False, (0, 1), "no data yet"),
        ([math.nan], False, (0, 1), "no data yet"),
        ([-1.0, 0.0], True, (0, 1), "nothing above 0 for a log axis"),
        ([1.0, 2.0], False, (50, 60), "no data in view"),
    ],
)
def test_what_it_says_where_there_is_nothing_to_draw(y: list[float], log: bool, view: tuple, said: str) -> None:
    assert said in text(Figure(series(y), view, log=log).draw(50, 5))[2]


def test_the_cursor_is_a_line_at_its_step() -> None:
    rows = Figure(series([1.0] * 101), (0, 100), cursor=50).draw(47, 8)
    columns = set()
    for row in rows[:-1]:
        at = 0
        for part, tone in row:
            columns |= {at} if tone == "warn" else set()
            at += len(part)
    assert columns == {27}


def test_braille_shares_no_run_with_blanks_or_letters() -> None:
    y = [0.0, 1.0, math.nan, 0.5] * 20
    for row in Figure(series(y, 9.0), (0, 100), limit=0.7, limit_label="limit", marks=((30, "2"),)).draw(60, 11):
        for part, _ in row:
            assert len({"⠀" <= character <= "⣿" for character in part}) <= 1


def test_a_label_is_never_cut_even_where_no_short_one_exists() -> None:
    rows = text(Figure(series([1e6, 1e6 + 0.3]), (0, 1)).draw(50, 9))
    assert any(row.startswith("1000000.2┤") for row in rows)
