"""Labelling at the gate: blind, one key a pair, on the disk before the next is shown, undone, and gone on with."""

from __future__ import annotations

import pytest

from engine.store.control import Outbox, whoami
from engine.store.opinions import labels
from engine.store.paths import RunPaths
from tests.tui.screens.cockpit import Cockpit, cockpit
from tui.presenters.labels import first_side
from tui.screens.gate import GateScreen
from tui.screens.help import Help
from tui.screens.label import LabelScreen

pytestmark = pytest.mark.usefixtures("runs")


async def labelling(c: Cockpit) -> LabelScreen:
    await c.at_gate()
    await c.press("l")
    await c.until_shown("left")
    assert isinstance(c.screen, LabelScreen)
    return c.screen


def choices(paths: RunPaths) -> list[str]:
    return [label.choice for label in labels(paths)]


async def test_each_key_is_kept_before_the_next_pair_and_what_was_hidden_is_told() -> None:
    async with cockpit() as c:
        await labelling(c)
        await c.until_shown("0 labelled, 99 left")
        for hidden in ("gap", "prefers", "on policy", "small gap"):
            assert hidden not in c.text
        for count, (key, choice) in enumerate({"1": "1", "2": "2", "t": "tie", "s": "skip", "b": "bad"}.items(), 1):
            await c.press(key)
            await c.until_shown(f"{count} labelled, {99 - count} left")
            assert choices(c.paths)[-1] == choice  # no waiting: what is shown is on the disk
        await c.until_shown("before: you called it bad, the ")
        await c.until_shown("n 3")
        [first, *_] = c.sent()
        assert (first.kind, first.arg["iteration"], first.who) == ("label", 2, whoami())
        assert first.arg["first"] == first_side(first.arg["pair"], whoami())


async def test_the_closest_call_comes_first_and_its_sides_stand_as_the_coin_fell() -> None:
    async with cockpit() as c:
        await labelling(c)
        rows = [row.strip("│ ") for row in c.text.splitlines()]
        sides = next(row for row in rows if "Gladly" in row)
        await c.press("1")
        await c.until_shown("1 labelled")
        [label] = labels(c.paths)
        assert (sides.index("Gladly") < sides.index("No.")) == (label.first == "chosen")
        await c.until_shown("gap 0.000")
        await c.until_shown("dropped: small gap")


async def test_undo_brings_the_last_pair_back_also_one_of_an_earlier_sitting() -> None:
    async with cockpit() as c:
        await labelling(c)
        await c.press("1")
        await c.until_shown("1 labelled")
        await c.press("2")
        await c.until_shown("2 labelled")
        await c.press("escape")
        assert isinstance(c.screen, GateScreen)
        await c.press("l")
        await c.until_shown("2 labelled, 97 left")
        await c.press("u")
        await c.until_shown("1 labelled, 98 left")
        await c.press("u")
        await c.until_shown("0 labelled, 99 left")
        await c.press("u")
        assert choices(c.paths) == []
        assert [command.arg["choice"] for command in c.sent()] == ["1", "2", "undo", "undo"]


async def test_a_key_held_down_labels_one_pair_and_enter_none() -> None:
    async with cockpit() as c:
        await labelling(c)
        await c.press("enter")
        await c.press("1")
        await c.until_shown("1 labelled")
        await c.press("1", "1", "u", after=0.05)
        await c.press("1")
        await c.until_shown("2 labelled")
        assert [command.arg["choice"] for command in c.sent()] == ["1", "1"]


async def test_when_all_are_labelled_it_says_so() -> None:
    async with cockpit() as c:
        await labelling(c)
        pairs = [entry.id for entry in c.screen._sheet.queue]  # type: ignore[attr-defined]
        for pair in pairs[:-1]:
            said = {"pair": pair, "choice": "1", "first": "chosen", "iteration": 2}
            Outbox(c.paths).send("label", said)
        await c.press("escape", "l")
        await c.until_shown("98 labelled, 1 left")
        await c.press("t")
        await c.until_shown("All done: you have labelled the 99 pairs of iteration 2")
        await c.press("1")
        await c.press("u")
        await c.until_shown("1 left")
        assert len(labels(c.paths)) == 98


async def test_a_conversation_shows_its_turns() -> None:
    async with cockpit() as c:
        await labelling(c)
        for count in range(1, 99):
            if "Good morning" in c.text:
                break
            await c.press("s")
            await c.until_shown(f"{count} labelled")
        for words in ("assistant", "Good morning! What can I do for you?", "What is the capital of Peru?"):
            await c.until_shown(words)


async def test_readonly_shows_pairs_and_refuses_labels_in_words() -> None:
    async with cockpit(readonly=True) as c:
        await labelling(c)
        await c.until_shown("--readonly: no label is taken")
        await c.press("1")
        await c.until_shown("this terminal only looks")
        await c.until_shown("0 labelled")
        assert c.sent() == []


async def test_a_damaged_file_is_said_and_no_key_labels() -> None:
    def damage(paths: RunPaths) -> None:
        (paths.iteration(2) / "pairs.jsonl").write_text("{}\n")

    async with cockpit(before=damage) as c:
        await c.at_gate()
        await c.press("l")
        await c.until_shown("pairs.jsonl")
        await c.press("1", "u")
        assert c.sent() == []


async def test_labels_are_taken_while_no_engine_lives() -> None:
    async with cockpit("completed", engine=False) as c:
        await c.until_shown("completed")
        await c.press("l")
        await c.until_shown("0 labelled")
        await c.press("2")
        await c.until_shown("1 labelled")
        assert choices(c.paths) == ["2"]


async def test_it_fits_a_small_terminal_without_colour_or_unicode() -> None:
    async with cockpit(size=(80, 24), ascii_only=True) as c:
        await labelling(c)
        await c.press("1")
        await c.until_shown("1 labelled")
        assert c.text.isascii()
        rows = c.text.splitlines()
        assert len(rows) == 24
        for words in ("1 the first", "2 the second", "t tie", "u undo", "esc back"):
            assert words in rows[-1]
        assert "Cohen's kappa" in rows[0]
        await c.press("question_mark")
        assert isinstance(c.screen, Help)
        await c.until_shown("skip")
