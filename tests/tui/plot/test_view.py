from hypothesis import given
from hypothesis import strategies as st

from tui.plot.view import View, settle


def test_zoom_keeps_the_anchor_where_it_is() -> None:
    view = View((0, 1000)).zoom(0.5, 250.0)
    low, high = view.range
    assert (250 - low) / (high - low) == 250 / settle((0, 1000))[1]


def test_zoom_without_anchor_keeps_the_newest_step() -> None:
    low, high = View((0, 1000)).zoom(0.1).range
    assert low < 1000 <= high


def test_zooming_out_far_enough_shows_all_again() -> None:
    view = View((0, 1000)).zoom(0.25, 500)
    assert view.window is not None
    assert view.zoom(10).window is None


@given(st.lists(st.sampled_from(["in", "out", "left", "right"]), max_size=30), st.floats(0, 5000))
def test_a_window_never_leaves_the_run(keys: list[str], anchor: float) -> None:
    view = View((100.0, 5000.0))
    moves = {"in": lambda v: v.zoom(0.5, anchor), "out": lambda v: v.zoom(2, anchor)}
    moves |= {"left": lambda v: v.pan(-0.5), "right": lambda v: v.pan(0.5)}
    whole = settle(view.extent)
    for key in keys:
        view = moves[key](view)
        low, high = view.range
        assert whole[0] - 1e-6 <= low < high <= whole[1] + 1e-6


def test_a_window_at_the_newest_step_follows_the_run_and_another_stays() -> None:
    following = View((0, 1000), (800, 1000)).grow((0, 1200))
    assert following.range[0] <= 1200 <= following.range[1]
    assert View((0, 1000), (100, 300)).grow((0, 1200)).window == (100, 300)


@given(st.integers(1, 10**7))
def test_the_end_of_the_axis_moves_seldom_and_wastes_little(n: int) -> None:
    _, end = settle((0, n))
    assert n <= end <= max(n * 1.26, 8)
    assert settle((0, max(n - 1, 1)))[1] <= end


def test_the_cursor_starts_at_the_newest_step_and_stays_in_the_run() -> None:
    view = View((0, 1000))
    assert view.step(None, -1, 50) == 1000
    assert view.step(1000, 1, 50) == 1000
    assert view.step(1000, -1, 50) < 1000
    assert view.step(0, -1, 50) == 0
