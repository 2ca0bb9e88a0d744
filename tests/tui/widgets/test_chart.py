import math

import numpy as np

from tests.tui.widgets.stand import Bench
from tui.glyphs import ASCII
from tui.widgets import Chart


def filled(**arguments: object) -> Chart:
    chart = Chart("loss", **arguments)
    y = np.linspace(1.0, 0.2, 100)
    chart.set_series(np.arange(100), y - 0.05, y + 0.05, y)
    return chart


async def test_the_newest_value_stands_in_the_border_and_the_steps_below() -> None:
    app = Bench(filled())
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        rows = app.shown()
        assert rows[0].startswith("╭─ loss ─")
        assert rows[-1].endswith(" 0.200 ─╯")
        assert rows[-2].split() == ["│", "0", "25", "50", "75", "100", "│"]


async def test_without_data_it_says_so() -> None:
    app = Bench(Chart("loss"))
    async with app.run_test(size=(40, 7)) as pilot:
        await pilot.pause()
        assert "no data yet" in app.shown()[3]


async def test_the_cursor_reads_the_value_at_its_step() -> None:
    chart = filled()
    app = Bench(chart)
    async with app.run_test(size=(70, 12)) as pilot:
        chart.cursor_x = 50.2
        await pilot.pause()
        assert "step 50  0.596 · raw 0.546 to 0.646" in app.shown()[-1]


async def test_a_value_above_the_limit_is_said_in_words() -> None:
    chart = filled(limit=0.1, unit="nats")
    app = Bench(chart)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        assert "0.200 nats · over limit 0.1" in app.shown()[-1]


async def test_where_the_border_is_short_words_leave_and_the_value_stays_whole() -> None:
    app = Bench(filled(limit=0.1, unit="nats/token"))
    async with app.run_test(size=(26, 8)) as pilot:
        await pilot.pause()
        assert app.shown()[-1].endswith(" 0.200 nats/token ─╯")


async def test_charts_with_one_view_and_cursor_stay_in_step() -> None:
    charts = [filled(), filled()]
    app = Bench(*charts)
    async with app.run_test(size=(60, 24)) as pilot:
        for chart in charts:
            chart.view, chart.cursor_x = (20.0, 60.0), 40.0
        await pilot.pause()
        first, second = (app.shown(chart) for chart in charts)
        assert first == second
        assert first[-2].split() == ["│", "20", "30", "40", "50", "60", "│"]


async def test_smoothing_changes_the_value_and_the_zoom_does_not() -> None:
    chart = filled()
    app = Bench(chart)
    async with app.run_test(size=(60, 12)) as pilot:
        chart.smooth = 30.0
        await pilot.pause()
        smooth = app.shown()[-1]
        assert "0.200" not in smooth
        chart.view = (80.0, 99.0)
        await pilot.pause()
        assert app.shown()[-1] == smooth


async def test_a_click_posts_the_step_under_it() -> None:
    chart = filled()
    app = Bench(chart)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        await pilot.click(chart, offset=(2 + 6 + 1 + chart.plot_width // 2, 5))
        low, high = chart.shown
        (at,) = app.posted
        assert abs(at - (low + high) / 2) <= (high - low) / chart.plot_width


async def test_gaps_a_single_point_and_a_constant_are_drawn() -> None:
    gaps, point, constant = Chart("a"), Chart("b"), Chart("c")
    gaps.set_series(range(9), *[[1, 2, math.nan, math.nan, 2, 1, 2, 3, math.nan]] * 3)
    point.set_series([5], [0.4], [0.4], [0.4])
    constant.set_series(range(50), *[[2.0] * 50] * 3)
    app = Bench(gaps, point, constant)
    async with app.run_test(size=(60, 30)) as pilot:
        await pilot.pause()
        for chart, value in ((gaps, "3.000"), (point, "0.400"), (constant, "2.000")):
            rows = app.shown(chart)
            assert rows[-1].endswith(f" {value} ─╯")
            assert any("⠀" < character <= "⣿" for row in rows for character in row)


async def test_in_ascii_nothing_else_is_drawn() -> None:
    app = Bench(filled(limit=0.5, log_axis=True), glyphs=ASCII)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        assert all(row.isascii() for row in app.shown())


async def test_a_new_point_repaints_a_few_rows_only(monkeypatch) -> None:
    chart = filled()
    app = Bench(chart)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        dirty: list[object] = []
        monkeypatch.setattr(chart, "refresh", lambda *regions, **_: dirty.extend(regions))
        y = np.append(np.linspace(1.0, 0.2, 100), 0.21)
        chart.set_series(np.arange(101), y - 0.05, y + 0.05, y)
        await pilot.pause()
        assert 0 < len(dirty) <= 4
