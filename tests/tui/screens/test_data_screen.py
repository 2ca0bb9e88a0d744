"""The data screen: filters, search and the pair under the cursor; quarantine by key, asked and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from engine.records import Pair
from engine.store.atomic import staged, write_text
from engine.store.control import Outbox
from engine.store.iterations import PAIRS, write_lines
from engine.store.opinions import quarantined
from engine.store.paths import RunPaths
from tests.tui.screens.cockpit import Cockpit, cockpit
from tui.screens.data import DataScreen
from tui.screens.gate import GateScreen
from tui.screens.label import LabelScreen
from tui.widgets import Confirm, TableRow
from tui.widgets.strips import Row

pytestmark = pytest.mark.usefixtures("runs")


async def looking(c: Cockpit, words: str = "all 103 shown") -> DataScreen:
    await c.at_gate()
    await c.press("D")
    await c.until_shown(words)
    assert isinstance(c.screen, DataScreen)
    return c.screen


async def test_what_there_is_is_counted_and_the_pair_under_the_cursor_shown() -> None:
    async with cockpit() as c:
        await looking(c)
        assert (
            "96 pairs of 103 collected   sources on policy 64, file 32   dropped near duplicate 4, small gap 3"
            in c.text
        )
        await c.until_shown("Gladly: 0.")
        await c.press("down")
        for words in ("Gladly: 1.", "chosen  0.200", "rejected  0.000", "collected for iteration 1"):
            await c.until_shown(words)


async def test_filters_narrow_together_and_one_key_lets_them_go() -> None:
    async with cockpit() as c:
        await looking(c)
        await c.press("s")
        await c.until_shown("68 of 103 shown   source on policy")
        await c.press("f", "f")
        await c.until_shown("filter dropped")
        await c.press("0")
        await c.until_shown("all 103 shown")
        await c.press("f", "f", "f")
        await c.until_shown("4 of 103 shown   filter near duplicate")


async def test_search_narrows_as_one_types_and_escape_drops_the_words() -> None:
    async with cockpit() as c:
        await looking(c)
        await c.press("slash", *"gladly: 95")
        await c.until_shown("1 of 103 shown   words gladly: 95")
        await c.press("enter")
        assert not isinstance(c.app.focused, Input)
        await c.press("slash", "escape")
        await c.until_shown("all 103 shown")
        assert isinstance(c.screen, DataScreen)
        await c.press("slash", *"zzz")
        await c.until_shown("no pair passes the filters")


async def test_a_pair_is_quarantined_after_y_and_taken_back_by_the_same_key() -> None:
    async with cockpit() as c:
        await looking(c)
        await c.press("down", "x")
        assert isinstance(c.screen, Confirm)
        await c.until_shown("every iteration to come")
        await c.press("n")
        assert c.sent() == []
        await c.press("x", "y")
        await c.until_shown("quarantined: left out")
        [pair] = quarantined(c.paths)
        [command] = c.sent()
        assert (command.kind, command.arg) == ("quarantine", {"pair": pair, "on": True, "iteration": 2})
        await c.press("m", "m", "m")
        await c.until_shown("1 of 103 shown   by hand quarantined")
        await c.press("x")
        await c.until_shown(f"Take pair {pair} back")
        await c.press("y")
        await c.until_shown("0 of 103 shown")
        assert quarantined(c.paths) == frozenset()


async def test_what_was_labelled_meanwhile_is_shown_on_return() -> None:
    async with cockpit() as c:
        await looking(c)
        await c.press("l")
        assert isinstance(c.screen, LabelScreen)
        await c.until_shown("0 labelled")
        await c.press("t", "escape")
        await c.press("m")
        await c.until_shown("1 of 103 shown   by hand labelled")
        await c.until_shown("tie")


async def test_another_iteration_is_a_key_away() -> None:
    async with cockpit() as c:
        await looking(c)
        await c.press("right_square_bracket")
        await c.until_shown("iteration 2")
        await c.press("left_square_bracket")
        await c.until_shown("iteration 1")
        await c.press("left_square_bracket")
        await c.until_shown("iteration 1")
        await c.press("right_square_bracket")
        await c.until_shown("iteration 2")
        await c.press("escape")
        assert isinstance(c.screen, GateScreen)


async def test_readonly_refuses_in_words() -> None:
    async with cockpit(readonly=True) as c:
        await looking(c)
        await c.press("x", "y")
        await c.until_shown("this terminal only looks")
        assert c.sent() == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pairs.jsonl", ("pairs.jsonl", "no pairs can be shown")),
        ("data.json", ("data.json", "all 103 shown", "96 pairs   sources")),
        ("MANIFEST.json", ("MANIFEST.json", "no pairs can be shown")),
    ],
)
async def test_a_damaged_file_is_said(name: str, words: tuple[str, ...]) -> None:
    def damage(paths: RunPaths) -> None:
        (paths.iteration(2) / name).write_text("{")

    async with cockpit(before=damage) as c:
        await c.at_gate()
        await c.press("D")
        for word in words:
            await c.until_shown(word)
        await c.press("f", "x", "enter", "escape")
        assert c.sent() == []


def replaced(paths: RunPaths, pairs: list[Pair]) -> None:
    """Iteration 2 with these pairs and nothing else."""
    folder: Path = paths.iteration(2)
    folder.rename(folder.with_name("old"))
    with staged(folder) as fresh:
        write_text(fresh / "note", "")
        if pairs:
            write_lines(fresh / PAIRS, pairs)


async def test_an_iteration_without_pairs_says_so() -> None:
    async with cockpit(before=lambda paths: replaced(paths, [])) as c:
        await looking(c, "this iteration has no pairs")
        await c.press("f", "x", "m", "enter")


async def test_of_thousands_only_those_in_sight_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [Pair(f"Question {n} " + "word " * 80, "yes " * 90, "no", "chat", 0.5, "file") for n in range(3000)]
    async with cockpit(before=lambda paths: replaced(paths, pairs)) as c:
        screen = await looking(c, "all 3,000 shown")
        drawn: list[str] = []
        line = screen.table._line

        def counted(row: TableRow, widths: dict[int, int], width: int) -> Row:
            drawn.append(row.key)
            return line(row, widths, width)

        monkeypatch.setattr(screen.table, "_line", counted)
        await c.press("end")
        await c.until_shown("Question 2999")
        assert len(drawn) < 100
        await c.press("pageup")
        assert screen.table.cursor_row < 2990
        await c.until_shown(f"Question {screen.table.cursor_row}")
        await c.press("enter")
        await c.until_shown("word word word")


async def test_a_narrow_terminal_shows_the_table_and_on_enter_the_pair() -> None:
    async with cockpit(size=(80, 24), ascii_only=True) as c:
        Outbox(c.paths).send("quarantine", {"pair": "x", "on": True, "iteration": 2})
        await looking(c)
        assert "chosen" not in c.text
        assert c.text.isascii()
        await c.until_shown("What is the capital of Peru?")
        await c.press("enter")
        await c.until_shown("Gladly: 0.")
        await c.until_shown("all 103")
        await c.press("escape")
        await c.until_shown("What is the capital of Peru?")
        await c.press("escape")
        assert isinstance(c.screen, GateScreen)


async def test_the_palette_knows_every_filter_by_name() -> None:
    async with cockpit() as c:
        screen = await looking(c)
        titles = {command.title for command in c.app.get_system_commands(screen)}
        wanted = {"Source: file", "Category: math", "Filter: near duplicate", "By hand: quarantined"}
        assert wanted | {"Label pairs by hand", "Data of an iteration"} <= titles
