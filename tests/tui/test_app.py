"""What is the app's own: the last filter before the terminal, the call for a decision, looks."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.segment import ControlType, Segment
from rich.text import Text
from textual.color import Color

import tui.app
from tests.fixtures.recorded import write_run
from tests.tui.screens.cockpit import cockpit
from tui.app import ControlFilter, Pilothouse
from tui.widgets import Prose

BLACK = Color(0, 0, 0)


@pytest.mark.parametrize("hostile", ["\x1b]52;c;AAAA\x07", "\x1b[2J", "\x9b2J", "\u202egnp", "\x00", "\u2066"])
def test_no_control_character_passes_the_last_filter(hostile: str) -> None:
    [segment] = ControlFilter().apply([Segment(f"before{hostile}after")], BLACK)
    assert segment.text.isprintable()
    assert segment.text.startswith("before")
    assert segment.text.endswith("after")


def test_plain_text_and_the_terminals_own_controls_pass_untouched() -> None:
    plain, control = Segment("plain ⣿ text"), Segment("\x1b[2J", None, [(ControlType.CLEAR,)])
    assert ControlFilter().apply([plain, control], BLACK) == [plain, control]


@pytest.mark.usefixtures("runs")
async def test_even_a_widget_that_cleans_nothing_sends_nothing_hostile() -> None:
    async with cockpit("running") as c:
        await c.until_shown("limit 0.1")
        c.screen.mount(Prose(Text("\x1b]52;c;AAAA\x07 [/nope] \x9b2J")))
        await c.until_shown("[/nope]")
        assert not {"\x1b", "\x07", "\x9b"} & set(c.text)


@pytest.mark.usefixtures("runs")
async def test_no_color_draws_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with cockpit() as c:
        await c.at_gate()
        for words in ("roll back to 1", "critical", "confirmed", "this 2"):
            await c.until_shown(words)


@pytest.mark.usefixtures("runs")
async def test_who_is_in_the_middle_of_something_is_called_but_not_interrupted() -> None:
    async with cockpit("running") as c:
        await c.until_shown("limit 0.1")
        await c.press("question_mark")
        below = c.screen
        with_gate(c)
        await c.until_shown("iteration 2 waits for your decision")
        assert c.screen is below
        await c.press("x", "g")
        await c.at_gate()


class Unseen(Pilothouse):
    """Something covers the first screen before it is drawn: what waits for its refresh waits for ever."""

    CSS_PATH = Path(tui.app.__file__).with_name("styles.tcss")

    def call_after_refresh(self, *_callback: object, **_arguments: object) -> bool:
        return True


@pytest.mark.usefixtures("runs")
async def test_a_first_screen_that_is_covered_at_once_is_fed_all_the_same() -> None:
    app = Unseen(write_run("completed"), environ={"LANG": "C.UTF-8"})
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(200):
            await pilot.pause(0.05)
            if any(worker.name == "feed" for worker in app.workers):
                return
        pytest.fail("the feed never began")


def with_gate(c: object) -> None:
    from engine.records import Assessment, Proposal, Verdict
    from engine.store.ledger import Ledger
    from tests.tui.screens.cockpit import Cockpit

    assert isinstance(c, Cockpit)
    with Ledger.open(c.paths) as ledger:
        ledger.close_iteration(2, {}, 30, 30.0)
        ledger.open_gate(2, Assessment(2, (), Verdict("ask"), Proposal(2)))
        ledger.set_state("awaiting_decision")
