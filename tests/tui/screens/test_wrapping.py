from __future__ import annotations

from tui.presenters.cell import Cell
from tui.presenters.iterations import Column, Grid
from tui.screens.wrapping import GAP, NARROWEST, column_widths

COLUMNS = (
    Column("severity", "severity"),
    Column("what", "what", flexible=True),
    Column("value", "value"),
    Column("d", ""),
)


def grid(what: str) -> Grid:
    return Grid(COLUMNS, ((Cell("critical"), Cell(what), Cell("0.479 < 0.550"), Cell("and why it is so")),))


def test_with_room_every_column_has_what_it_asks_for() -> None:
    assert column_widths(grid("win rate"), 60) == [8, 8, 13]


def test_words_give_way_before_a_number_is_cut() -> None:
    widths = column_widths(grid("category gap: common knowledge"), 50)
    assert widths == [8, 50 - 8 - 13 - 2 * GAP, 13]


def test_a_few_words_always_stay() -> None:
    assert column_widths(grid("category gap: common knowledge"), 20) == [8, NARROWEST, 13]
