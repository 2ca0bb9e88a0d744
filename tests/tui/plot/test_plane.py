"""Points on two axes: where they lie, what joins them, and that each has its name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.glyphs import ASCII, UNICODE, Glyphs
from tui.plot.figure import Row
from tui.plot.plane import Plane, Spot

NUMBERS = st.floats(-1e6, 1e6)
AXES = ("helpful", "harmless")
PATH = (Spot(0.5, 0.5, "baseline"), Spot(0.6, 0.4, "1"), Spot(0.7, 0.6, "2", "bold"))


def text(rows: list[Row]) -> list[str]:
    return ["".join(part for part, _ in row) for row in rows]


def at(rows: list[str], name: str) -> tuple[int, int]:
    """Row and column of a name, which stands beside its point."""
    return next((y, row.index(f" {name} ")) for y, row in enumerate(rows) if f" {name} " in row)


@settings(max_examples=60)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12), st.integers(1, 90), st.integers(0, 30))
def test_any_points_at_any_size_fill_the_rows_and_no_more(
    points: list[tuple[float, float]], width: int, height: int
) -> None:
    spots = [Spot(x, y, str(i), joined=i % 3 > 0) for i, (x, y) in enumerate(points)]
    rows = text(Plane(spots, AXES).draw(width, height))
    assert len(rows) == height
    assert all(len(row) <= width for row in rows)


def test_right_is_more_of_the_one_and_up_is_more_of_the_other() -> None:
    rows = text(Plane(PATH, AXES).draw(80, 24))
    places = [at(rows, spot.name) for spot in PATH]
    (first, left), (lower, middle), (upper, right) = places
    assert upper < first < lower
    assert left < middle < right
    assert "harmless" in rows[0]
    assert "helpful" in rows[-1]


def test_the_path_leaves_out_what_is_not_joined() -> None:
    aside = Spot(0.95, 0.9, "aside", joined=False)
    rows = Plane((*PATH, aside), AXES).draw(80, 24)
    lit = ["".join(part if tone == "run" else " " * len(part) for part, tone in row) for row in rows]
    assert any(line.strip() for line in lit)
    y, _ = at(text(rows), "2")
    assert not any(line.strip() for line in lit[: y - 1]), "no leg goes up to the point aside"
    assert sum(row.count("●") for row in text(rows)) == 4


def test_points_in_one_cell_share_their_names() -> None:
    rows = text(Plane((PATH[0], Spot(0.9, 0.9, "1"), Spot(0.9, 0.9, "2")), AXES).draw(60, 12))
    assert sum(row.count("●") for row in rows) == 2
    assert any(" 1, 2 " in row for row in rows)


def test_names_of_neighbours_do_not_cover_one_another() -> None:
    close = [Spot(0.5 + i / 100, 0.5 + i / 200, f"iteration {i}") for i in range(4)]
    rows = text(Plane((*close, Spot(0.0, 0.0, "far")), AXES).draw(100, 30))
    assert all(at(rows, spot.name) for spot in close)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_ascii_glyphs_draw_ascii(glyphs: Glyphs) -> None:
    rows = text(Plane(PATH, AXES, glyphs=glyphs).draw(60, 14))
    assert all(row.isascii() for row in rows) == (glyphs is ASCII)


@pytest.mark.parametrize(("spots", "size", "said"), [((), (60, 9), "no data yet"), (PATH, (12, 9), "no room")])
def test_where_nothing_can_be_drawn_it_says_so(spots: tuple[Spot, ...], size: tuple[int, int], said: str) -> None:
    assert said in "".join(text(Plane(spots, AXES).draw(*size)))
