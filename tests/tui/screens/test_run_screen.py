"""The run: charts in step, tabs where it is narrow, commands that are asked, and what is said of a run that ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from engine.records import Pulse
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from tests.tui.screens.cockpit import Cockpit, cockpit
from tui.screens.help import Help
from tui.screens.prompt import Prompt
from tui.screens.run import RunScreen
from tui.widgets import Confirm

pytestmark = pytest.mark.usefixtures("runs")
HOSTILE = "\x1b]52;c;AAAA\x07[/nope] \x9b2J\u202egnp"


def on_run(c: Cockpit) -> RunScreen:
    screen = c.screen
    assert isinstance(screen, RunScreen)
    return screen


async def running(c: Cockpit) -> RunScreen:
    await c.until_shown("0.683")
    await c.until_shown("limit 0.1")
    return on_run(c)


async def test_what_a_run_shows() -> None:
    async with cockpit("running") as c:
        await running(c)
        for words in (
            "helpful-tiny",
            "step 30 / 60",
            "loss · iteration 2",
            "rewards/margins",
            "KL to baseline",
            "GPU memory",
        ):
            assert words in c.text
        assert "ana@lab" in c.text


async def test_the_first_frame_waits_for_nothing() -> None:
    async with cockpit("running") as c:
        assert "helpful-tiny" in c.text


async def test_the_cursor_stands_at_the_same_step_in_all_charts() -> None:
    async with cockpit("running") as c:
        board = (await running(c)).board
        await c.press("comma", "comma", "comma")
        [at] = {chart.cursor_x for chart in board.charts}
        assert at is not None
        assert at < 30
        await c.press("full_stop")
        assert {chart.cursor_x for chart in board.charts} != {at}
        await c.press("0")
        assert {chart.cursor_x for chart in board.charts} == {None}


async def test_zoom_narrows_every_chart_alike() -> None:
    async with cockpit("running") as c:
        board = (await running(c)).board
        [before] = {chart.shown for chart in board.charts}
        await c.press("plus")
        [after] = {chart.shown for chart in board.charts}
        assert after[1] - after[0] < before[1] - before[0]
        await c.press("0")
        assert {chart.shown for chart in board.charts} == {before}


async def test_a_zoomed_window_moves_and_whole_ranges_do_not() -> None:
    async with cockpit("running") as c:
        board = (await running(c)).board
        before = board.charts[0].shown
        await c.press("left")
        assert board.charts[0].shown == before
        await c.press("plus", "plus")
        zoomed = board.charts[0].shown
        await c.press("left")
        [moved] = {chart.shown for chart in board.charts}
        assert moved[0] < zoomed[0]
        assert moved[1] - moved[0] == pytest.approx(zoomed[1] - zoomed[0])


async def test_a_click_on_a_chart_points_at_that_step_in_all() -> None:
    async with cockpit("running") as c:
        board = (await running(c)).board
        await c.pilot.click("#loss", offset=(20, 5))
        await c.pilot.pause()
        [at] = {chart.cursor_x for chart in board.charts}
        assert at is not None
        assert 0 < at < 30


async def test_log_axis_and_smoothing_are_for_all() -> None:
    async with cockpit("running") as c:
        board = (await running(c)).board
        first = board.charts[0].smooth
        await c.press("y", "s")
        assert all(chart.log_axis for chart in board.charts)
        [second] = {chart.smooth for chart in board.charts}
        assert second != first


async def test_the_whole_run_begins_before_this_iteration() -> None:
    async with cockpit("running") as c:
        await running(c)
        await c.press("i")
        await c.until_shown("loss · run")


async def test_a_panel_alone_and_back() -> None:
    async with cockpit("running") as c:
        board = (await running(c)).board
        await c.press("3")
        assert board.single
        assert "rewards/margins" not in c.text
        await c.press("escape")
        assert not board.single
        await c.until_shown("rewards/margins")


async def test_resizing_to_80_columns_and_back() -> None:
    async with cockpit("running") as c:
        await running(c)
        await c.pilot.resize_terminal(80, 24)
        await c.until_shown("6 iterations")
        assert "rewards/margins" not in c.text
        await c.press("6")
        await c.until_shown("accepted, edited")
        await c.press("tab")
        await c.until_shown("96 pairs kept")
        await c.pilot.resize_terminal(120, 40)
        await c.until_shown("rewards/margins")
        assert "6 iterations" not in c.text


async def test_where_one_chart_is_shown_its_tab_names_what_it_shows() -> None:
    async with cockpit("running", size=(80, 24)) as c:
        await c.until_shown("1 loss")
        with Ledger.open(c.paths) as ledger:
            last = ledger.last_recorded_step(2) or 0
            ledger.record(2, last + 1, 0.0, {"objective/rlhf_reward": 0.5, "explained_variance": 0.2})
        await c.until_shown("1 reward  2 accuracy  3 KL  4 value")
        await c.press("4")
        await c.until_shown("explained_variance")


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 16)])
async def test_no_row_is_wider_than_the_terminal_and_the_keys_are_there(size: tuple[int, int]) -> None:
    async with cockpit("running", size=size) as c:
        await c.until_shown("? help")
        await c.until_shown("d detach")
        assert all(len(row) <= size[0] for row in c.text.splitlines())


async def test_a_paused_view_stands_still_says_so_and_catches_up() -> None:
    async with cockpit("running") as c:
        await running(c)
        await c.press("p")
        await c.until_shown("VIEW PAUSED")
        with Ledger.open(c.paths) as ledger:
            ledger.event("note", "written while paused", "info", 2, 115)
            ledger.beat(Pulse(c.app._clock(), "running", 2, "dpo", 31, 60))
        await c.until_shown("step 31 / 60")
        assert "written while paused" not in " ".join(c.text.split())
        await c.press("p")
        await c.until(lambda: "written while" in c.text, "the event")
        assert "VIEW PAUSED" not in c.text


async def test_pausing_the_run_is_asked_first() -> None:
    async with cockpit("running") as c:
        await running(c)
        await c.press("P")
        assert isinstance(c.screen, Confirm)
        await c.press("enter")
        assert c.sent() == []
        await c.press("P", "y")
        [command] = await c.until(c.sent, "a command")
        assert command.kind == "pause"


async def test_stopping_wants_the_word() -> None:
    async with cockpit("running") as c:
        (await running(c)).ask_stop()
        await c.until(lambda: isinstance(c.screen, Prompt), "the question")
        await c.press("y", "enter")
        assert c.sent() == []
        assert isinstance(c.screen, Prompt)
        await c.press("backspace", *"stop", "enter")
        [command] = await c.until(c.sent, "a command")
        assert command.kind == "stop"


async def test_a_live_setting_shows_what_is_in_force_and_is_checked() -> None:
    async with cockpit("running") as c:
        (await running(c)).ask_setting("beta")
        await c.until_shown("In force now: 0.1")
        c.screen.query_one(Input).value = "7"
        await c.until_shown("expected at most 1")
        await c.press("enter")
        assert c.sent() == []
        c.screen.query_one(Input).value = "0.3"
        await c.press("enter")
        [command] = await c.until(c.sent, "a command")
        assert (command.kind, command.arg) == ("set", {"beta": 0.3})


async def test_a_lost_run_says_what_happened_and_offers_a_new_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []
    monkeypatch.setattr("tui.client.start_engine", lambda paths: started.append(paths.root))

    def last_words(paths: RunPaths) -> None:
        paths.engine_log.write_text("step 29\nKilled \x1b[31mby the kernel\n")

    async with cockpit("lost", engine=False, before=last_words) as c:
        await c.until_shown("LOST")
        await c.until_shown("it ended without a word")
        assert "by the kernel" in c.text
        assert "\x1b" not in c.text
        await c.press("P")  # nobody would hear it
        assert on_run(c)
        await c.press("R")
        await c.until(lambda: started == [c.paths.root], "an engine")


async def test_a_completed_run_names_its_best_and_where_the_model_lies() -> None:
    async with cockpit("completed", engine=False) as c:
        await c.until_shown("Iteration 1 is selected.")
        assert "good enough" in c.text
        assert "final" in c.text


async def test_a_failed_run_says_why() -> None:
    def fail(paths: RunPaths) -> None:
        with Ledger.open(paths) as ledger:
            ledger.set_state("failed", "the loss is not finite at step 29")

    async with cockpit("lost", engine=False, before=fail) as c:
        await c.until_shown("the loss is not finite at step 29")
        await c.until_shown("R resume")


async def test_a_ledger_that_cannot_be_read_is_said() -> None:
    async with cockpit("lost", engine=False, before=lambda paths: paths.ledger.write_bytes(b"not a database")) as c:
        await c.until_shown("run.db")
        await c.press("d")
        await c.until(lambda: not c.app.is_running, "the end")


async def test_a_ledger_that_can_be_read_again_is_shown_again() -> None:
    whole: list[bytes] = []

    def hide(paths: RunPaths) -> None:
        whole.append(paths.ledger.read_bytes())
        paths.ledger.write_bytes(b"not a database")

    async with cockpit("lost", engine=False, before=hide) as c:
        await c.until_shown("run.db")
        c.paths.ledger.write_bytes(whole[0])
        await c.until_shown("it ended without a word")
        assert "run.db" not in c.text


async def test_hostile_text_reaches_the_screen_as_text() -> None:
    def speak(paths: RunPaths) -> None:
        with Ledger.open(paths) as ledger:
            ledger.event("note", HOSTILE, "warn")

    async with cockpit("running", before=speak) as c:
        await c.until_shown("[/nope]")
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(c.text)


async def test_help_shows_this_screens_keys_and_any_key_closes_it() -> None:
    async with cockpit("running", size=(80, 24)) as c:
        await c.until_shown("? help")
        await c.press("question_mark")
        assert isinstance(c.screen, Help)
        await c.until_shown("cursor left and right")
        assert "accept" not in c.text
        assert "any key closes this" in c.text
        await c.press("a")
        assert on_run(c)


async def test_readonly_commands_nothing() -> None:
    async with cockpit("running", readonly=True) as c:
        screen = await running(c)
        assert "read-only" in c.text
        await c.press("P")
        assert on_run(c)
        assert [command.title for command in c.app.get_system_commands(screen)] == [
            "Theme: light or dark",
            "Data of an iteration",
            "Detach",
            "Quit",
        ]


async def test_the_palette_steers_a_living_engine() -> None:
    async with cockpit("running") as c:
        screen = await running(c)
        titles = {command.title for command in c.app.get_system_commands(screen)}
        assert {
            "Pause training",
            "Gate now",
            "Checkpoint now",
            "Set beta",
            "Set learning_rate",
            "Stop the run",
        } <= titles


async def test_ascii_draws_nothing_else() -> None:
    async with cockpit("running", ascii_only=True) as c:
        await c.until_shown("0.683")
        assert c.text.isascii()


async def test_light_and_dark() -> None:
    async with cockpit("running") as c:
        before = c.app.theme
        await c.press("T")
        assert c.app.theme != before
        await c.until_shown("helpful-tiny")
