"""A weakness opened: intervals, the test, and what was said before and after."""

from __future__ import annotations

import pytest

from engine.store.paths import RunPaths
from tests.tui.screens.cockpit import Cockpit, cockpit
from tui.screens.weakness import WeaknessScreen

pytestmark = pytest.mark.usefixtures("runs")


async def opened(c: Cockpit, *keys: str) -> None:
    await c.at_gate()
    await c.press(*keys, "enter")
    assert isinstance(c.screen, WeaknessScreen)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_numbers_interval_test_and_flips_are_there_and_fit(size: tuple[int, int]) -> None:
    async with cockpit(size=size) as c:
        await opened(c)
        await c.until_shown("12 right → wrong, 4 wrong → right")
        for words in ("baseline  0.417", "limit 0.396", "exact McNemar", "p = 0.038", "n = 60", "0 + 8 = ?"):
            assert words in c.text
        assert "That gives 18." in c.text
        assert max(map(len, c.text.splitlines())) <= size[0]


async def test_answers_turn_worse_ones_first() -> None:
    async with cockpit() as c:
        await opened(c)
        await c.until_shown("1 of 16 · right → wrong")
        await c.press("b")
        assert "16 of 16 · wrong → right" in c.text
        await c.press("n")
        assert "1 of 16 · right → wrong" in c.text


async def test_the_row_under_the_cursor_is_the_one_that_opens() -> None:
    async with cockpit() as c:
        await opened(c, "down")
        await c.until_shown("none of them flips")
        assert "kl violation: KL" in c.text


async def test_an_iteration_of_an_earlier_version_has_scores_and_says_that_words_are_missing() -> None:
    def without_answers(paths: RunPaths) -> None:
        for index in (0, 1, 2):
            (paths.iteration(index) / "answers.jsonl").unlink()

    async with cockpit(before=without_answers) as c:
        await opened(c)
        await c.until_shown("12 right → wrong, 4 wrong → right")
        assert "the answers of this iteration were not kept" in c.text


async def test_a_file_that_cannot_be_trusted_is_named_and_the_rest_stays() -> None:
    def spoilt(paths: RunPaths) -> None:
        (paths.iteration(2) / "evaluation.json").write_text("{}")

    async with cockpit(before=spoilt) as c:
        await opened(c)
        await c.until_shown("evaluation.json")
        assert "this, 2   0.283" in c.text
