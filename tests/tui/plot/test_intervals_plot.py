from hypothesis import given
from hypothesis import strategies as st

from tui.glyphs import ASCII
from tui.plot.intervals import Bar, interval_rows, ruler

BARS = (Bar("baseline", 0.4, "0.400", 0.3, 0.5), Bar("this, 2", 0.2, "0.200", 0.1, 0.3, "bad"))


def drawn(width: int, limit: float | None = 0.38) -> list[str]:
    return ["".join(text for text, _ in row) for row in interval_rows(BARS, limit, width)]


def test_one_scale_holds_all_and_the_limit_crosses_each() -> None:
    first, second, axis = drawn(60)
    assert first.index("┊") == second.index("┊") == axis.index("▲")
    assert second.index("●") < second.index("┤") <= second.index("┊")
    assert second.index("├") < first.index("├")
    assert "limit 0.38" in axis


def test_equal_values_stand_in_the_same_column() -> None:
    first, second = interval_rows((Bar("a", 1.0, "1"), Bar("b", 1.0, "1")), None, 60)[:2]
    assert [text for text, _ in first][1:] == [text for text, _ in second][1:]


def test_a_value_without_an_interval_is_a_point_alone() -> None:
    row = "".join(text for text, _ in interval_rows((Bar("a", 0.5, "0.5"),), None, 40)[0])
    assert "├" not in row
    assert row.count("●") == 1


def test_where_it_is_narrow_numbers_stay_and_nothing_without_a_number_is_drawn() -> None:
    assert drawn(24) == ["baseline  0.400", "this, 2   0.200"]
    assert interval_rows((Bar("a", float("nan"), "nan"),), None, 60) == []


def test_ascii_has_ends_of_its_own() -> None:
    text = "".join(text for row in interval_rows(BARS, 0.38, 60, ASCII) for text, _ in row)
    assert text.isascii()
    assert "[" in text


FINITE = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(FINITE, FINITE, FINITE), min_size=1, max_size=4), FINITE, st.integers(30, 150))
def test_rows_fit_and_order_is_kept(values: list[tuple[float, float, float]], limit: float, width: int) -> None:
    ordered = [sorted(three) for three in values]
    bars = [Bar("x", middle, f"{middle:.3g}", low, high) for low, middle, high in ordered]
    for row in interval_rows(bars, limit, width):
        assert sum(len(text) for text, _ in row) <= max(width, 20)
    scale = ruler(bars, limit, width)
    for low, middle, high in ordered:
        assert 0 <= scale.cell(low) <= scale.cell(middle) <= scale.cell(high) < width
