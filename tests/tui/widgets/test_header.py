import dataclasses

import pytest

from tests.tui.widgets.stand import Bench
from tui.glyphs import ASCII, UNICODE
from tui.widgets import RunHeader, RunStatus
from tui.widgets.header import bar, header

STATUS = RunStatus(
    "helpful-qwen-1.5b",
    iteration=2,
    iterations=5,
    stage="dpo",
    step=312,
    max_steps=1000,
    eta_s=2521,
    beat_age_s=0.4,
    card="RTX 4070 · 12.0 GiB",
)


def row(width: int, **changes: object) -> str:
    return header(dataclasses.replace(STATUS, **changes), width, UNICODE).plain


def test_a_wide_row_says_all() -> None:
    shown = row(140)
    for part in (
        "helpful-qwen-1.5b",
        "iteration 2 of 5",
        "dpo ▸ step 312 / 1,000",
        "ETA 42:01",
        "♥ 0.4 s",
        "RTX 4070 · 12.0 GiB",
    ):
        assert part in shown
    assert "━" in shown
    assert len(shown) == 140


@pytest.mark.parametrize("width", range(30, 160))
def test_numbers_are_whole_or_absent_at_every_width(width: int) -> None:
    shown = row(width)
    assert len(shown) <= max(width, len("iteration 2/5"))
    assert "iteration 2" in shown
    for part, signs in (("42:01", ":"), ("312", "▸"), ("0.4 s", "♥"), ("12.0 GiB", "RTX")):
        assert (part in shown) == (signs in shown)


def test_at_80_columns_place_time_and_life_are_there() -> None:
    shown = row(80)
    assert all(part in shown for part in ("iteration 2/5", "dpo ▸ 312/1,000", "ETA 42:01", "♥ 0.4 s"))


@pytest.mark.parametrize(
    ("state", "seconds", "said"),
    [
        ("running", 0.4, "♥ 0.4 s"),
        ("running", 12.0, "♥ 12 s late"),
        ("running", 40.0, "♥ 40 s no beat"),
        ("hung", 3.0, "HUNG"),
        ("lost", 700.0, "LOST"),
        ("paused", 0.4, "PAUSED"),
        ("awaiting_decision", 0.4, "AWAITING DECISION"),
    ],
)
def test_life_and_state_are_words_too(state: str, seconds: float, said: str) -> None:
    assert said in row(140, state=state, beat_age_s=seconds)


def test_a_finished_run_has_neither_heart_nor_time_left() -> None:
    shown = row(140, state="completed")
    assert "completed" in shown
    assert "♥" not in shown
    assert "ETA" not in shown


def test_a_long_name_gives_way() -> None:
    shown = row(80, name="a" * 64)
    assert "aaaa…" in shown
    assert "312/1,000" in shown


@pytest.mark.parametrize("share", [0, 0.004, 0.5, 0.999, 1, 7, -1])
def test_a_bar_is_as_wide_as_asked(share: float) -> None:
    assert bar(share, 20, UNICODE).cell_len == 20
    assert bar(share, 20, ASCII).plain.isascii()


async def test_the_widget_is_one_row_of_its_width() -> None:
    widget = RunHeader()
    app = Bench(widget)
    async with app.run_test(size=(80, 3)) as pilot:
        widget.status = STATUS
        await pilot.pause()
        assert len(app.shown()) == 1
        assert "dpo" in app.shown()[0]
