import pytest
from rich.text import Text

from tests.tui.widgets.stand import Bench
from tui.widgets import Column, Table, TableRow
from tui.widgets.table import fit

COLUMNS = (
    Column("#", "right"),
    Column("win rate", "right", 1),
    Column("KL", "right", 2),
    Column("why", flexible=True, priority=3),
)
ROWS = (
    TableRow(("0", "0.500", "0.000", "baseline"), "0"),
    TableRow(("1", Text("0.581 ▲", "good"), "0.062", "accepted by ana over ssh"), "1"),
    TableRow(("12", "0.634", "0.113", "[b]no markup[/b]"), "12"),
)


async def test_numbers_stand_in_line_on_the_right() -> None:
    table = Table(COLUMNS, "iterations", framed=False)
    app = Bench(table)
    async with app.run_test(size=(60, 6)) as pilot:
        table.set_rows(ROWS)
        await pilot.pause()
        assert [row.rstrip() for row in app.shown()[:4]] == [
            " #  win rate     KL  why",
            " 0     0.500  0.000  baseline",
            " 1   0.581 ▲  0.062  accepted by ana over ssh",
            "12     0.634  0.113  [b]no markup[/b]",
        ]


@pytest.mark.parametrize("width", range(1, 60))
def test_columns_leave_and_no_number_is_cut(width: int) -> None:
    widths = fit(COLUMNS, ROWS, width)
    assert 0 in widths
    assert sum(widths.values()) + 2 * (len(widths) - 1) <= width
    full = {1: 8, 2: 5}
    assert all(widths[i] == full[i] for i in full if i in widths)
    assert list(widths) == [0, 1, 2, 3][: len(widths)]


async def test_the_cursor_moves_chooses_and_stays_on_its_row() -> None:
    table = Table(COLUMNS, cursor=True)
    app = Bench(table)
    async with app.run_test(size=(60, 8)) as pilot:
        table.set_rows(ROWS)
        table.focus()
        await pilot.press("down", "enter")
        assert app.posted[-2:] == [("moved", "1"), ("chosen", "1")]
        assert "▌" in app.shown()[3]
        table.set_rows(ROWS[1:])
        assert table.cursor_key == "1"
        await pilot.press("end", "down")
        assert table.cursor_key == "12"


async def test_a_plain_table_takes_no_focus() -> None:
    assert not Table(COLUMNS).can_focus


async def test_rows_beyond_are_counted_and_the_cursor_stays_in_sight() -> None:
    table = Table(COLUMNS, cursor=True)
    app = Bench(table)
    async with app.run_test(size=(60, 6)) as pilot:
        table.set_rows([TableRow((str(i),), str(i)) for i in range(20)])
        table.focus()
        await pilot.press("end")
        await pilot.pause()
        assert "▲ 17" in app.shown()[-1]
        assert "19" in app.shown()[-2]


async def test_an_empty_table_says_so_and_an_auto_height_is_that_of_the_rows() -> None:
    table = Table(COLUMNS, empty="no weakness found")
    app = Bench(table)
    async with app.run_test(size=(60, 20)) as pilot:
        table.styles.height = "auto"
        await pilot.pause()
        assert "no weakness found" in app.shown()[1]
        table.set_rows(ROWS)
        await pilot.pause()
        assert table.size.height == 1 + len(ROWS) + 2
