"""Iterations side by side, from the run and from the gate."""

from __future__ import annotations

from typing import Any

import pytest

from engine.store.paths import RunPaths
from tests.tui.screens.cockpit import cockpit
from tui.screens.compare import CompareScreen
from tui.screens.gate import GateScreen

pytestmark = pytest.mark.usefixtures("runs")


async def test_c_opens_it_from_the_gate_and_escape_goes_back() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("c")
        assert isinstance(c.screen, CompareScreen)
        await c.until_shown("2 from 1")
        for words in ("0.683 ▲ +0.183*", "0.113 ▲ +0.065*", "inconclusive", "higher is better"):
            assert words in c.text
        await c.press("escape")
        assert isinstance(c.screen, GateScreen)
        assert c.sent() == []


async def test_changes_can_be_told_from_the_baseline() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("c")
        await c.until_shown("2 from 1")
        await c.press("b")
        assert "changes from the baseline" in c.text
        assert "0.717 ▲ +0.217*" in c.text


async def test_c_opens_it_from_the_run_where_an_iteration_still_trains() -> None:
    async with cockpit("running", size=(80, 24)) as c:
        await c.until_shown("iteration 2")
        await c.press("c")
        await c.until_shown("1 from 0")
        assert "2 from 1" not in c.text


async def test_narrow_it_shows_the_newest_and_scrolls_sideways() -> None:
    async with cockpit("completed", size=(80, 24), engine=False) as c:
        await c.until_shown("completed")
        await c.press("c")
        await c.until_shown("2 from 1")
        assert "< 1 more" in c.text
        await c.press("left")
        assert "1 from 0" in c.text
        assert "1 more >" in c.text
        await c.press("right", "right")
        assert "2 from 1" in c.text


async def test_the_metric_under_the_cursor_is_explained() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("c")
        await c.until_shown("win rate: higher is better")
        await c.press("end")
        assert "perplexity: lower is better" in c.text


async def test_in_ascii_nothing_else_is_drawn() -> None:
    async with cockpit(ascii_only=True) as c:
        await c.at_gate()
        await c.press("c")
        await c.until_shown("2 from 1")
        assert "^ +0.183*" in c.text.replace("▲", "^")


def _chat_is_helpful(paths: RunPaths) -> None:
    """The recorded run evaluates chat, math and safety; its own config says nothing of what they are."""
    paths.config.write_text(paths.config.read_text().replace("{source:", "{kinds: {chat: nuanced}, source:"))


@pytest.mark.parametrize("how", [{}, {"ascii_only": True, "size": (80, 24)}])
async def test_h_sets_helpful_against_harmless(how: dict[str, Any]) -> None:
    async with cockpit(before=_chat_is_helpful, **how) as c:
        await c.at_gate()
        await c.press("c")
        await c.until_shown("2 from 1")
        await c.press("h")
        await c.until_shown("win rate on 20 and 20 items")
        for words in ("baseline", "helpful: chat", "harmless: safety", "helpful 0.750 (+0.250), harmless 0.700"):
            assert words in c.text
        assert "2 from 1" not in c.text
        await c.press("h")
        assert "2 from 1" in c.text
        assert "win rate on" not in c.text


async def test_where_no_category_is_helpful_it_says_what_would_do() -> None:
    async with cockpit() as c:
        await c.at_gate()
        await c.press("c", "h")
        await c.until_shown("none of the categories is helpful (safety, chat, math): data.kinds says")
