"""What if: the bar follows the numbers as they are typed, and an answer to old numbers is never shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.widgets import Input

from engine.memory.planning.room import Room
from engine.records import Memory
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from tests.tui.fakes import ROOM, Simulated, planner
from tests.tui.screens.cockpit import Cockpit, cockpit
from tui.screens.run import RunScreen
from tui.screens.whatif import WhatIf

pytestmark = pytest.mark.usefixtures("runs")


@asynccontextmanager
async def whatif(
    simulated: Simulated, room: Room | None = ROOM, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Cockpit]:
    async with cockpit("running", before=host, planner=planner(simulated, room), size=size) as c:
        await c.until_shown("step 30 / 60")
        await c.press("m")
        await c.until(lambda: isinstance(c.screen, WhatIf), "the screen")
        yield c


def host(paths: RunPaths) -> None:
    """The run is on the CPU: what it finds of the card is nothing, and the card here counts."""
    with Reader(paths.ledger) as reader, Ledger.open(paths) as ledger:
        pulse = reader.pulse()
        assert pulse is not None
        ledger.beat(replace(pulse, memory=Memory("host", "host memory", total=2**34, used=2**33)))


def write(c: Cockpit, **fields: object) -> None:
    for name, value in fields.items():
        c.screen.query_one(f"#whatif-{name}", Input).value = str(value)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_bar_moves_as_numbers_are_typed(size: tuple[int, int]) -> None:
    async with whatif(Simulated(), size=size) as c:
        await c.until_shown("10.6 GiB of 12.0 GiB  fits")  # the run's own 8 × 512
        for words in ("activations", "weights", "CUDA and its libraries", "training peaks", "smallest card"):
            assert words in c.text
        before = c.text.count("█")
        write(c, **{"batch-size": 2})
        await c.until_shown("7.6 GiB of 12.0 GiB  fits")
        assert c.text.count("█") < before
        write(c, **{"max-length": 8192})
        await c.until_shown("will not fit")
        assert "▒" in c.text
        assert all(len(row) <= size[0] for row in c.text.splitlines())
        await c.press("ctrl+r")
        await c.until_shown("10.6 GiB of 12.0 GiB  fits")
        await c.press("escape")
        assert isinstance(c.screen, RunScreen)
        assert c.sent() == []


async def test_an_answer_to_old_numbers_is_not_shown() -> None:
    simulated = Simulated()
    simulated.free.clear()
    async with whatif(simulated) as c:
        await c.until(lambda: simulated.asked == [(8, 512, 8)], "the first question")
        write(c, **{"batch-size": 1})
        write(c, **{"batch-size": 4})
        await c.press("tab")  # keys go on meanwhile
        assert c.screen.focused is c.screen.query_one("#whatif-max-length", Input)
        shown: list[str] = []
        whatif_screen = c.screen
        assert isinstance(whatif_screen, WhatIf)
        whatif_screen._show = lambda outlook: shown.append(outlook.plan.key)  # type: ignore[method-assign,union-attr]
        simulated.free.set()
        await c.until(lambda: shown, "an answer")
        assert set(shown) == {"4-512-8"}
        assert simulated.asked == [(8, 512, 8), (4, 512, 8)]


async def test_numbers_that_will_not_do_are_told_and_asked_of_nobody() -> None:
    simulated = Simulated()
    async with whatif(simulated) as c:
        await c.until_shown("fits")
        write(c, **{"lora-r": "x"})
        await c.until_shown("model.lora_r")
        write(c, **{"lora-r": 64})
        await c.until_shown("adapters")
        await c.until(lambda: simulated.asked[-1] == (8, 512, 64), "the question")
        assert len(simulated.asked) == 2


async def test_in_a_run_the_card_is_as_large_as_the_run_finds_it() -> None:
    """What is free now is what its own engine leaves."""
    none_left = Room("RTX 4070", 12 * 2**30, 12 * 2**30, free=0)
    async with cockpit("running", planner=planner(Simulated(), none_left)) as c:
        await c.until_shown("step 30 / 60")
        await c.press("m")
        await c.until_shown("fits the Imaginary 12G, 1.38 GiB to spare")


async def test_without_a_card_the_smallest_that_would_do_is_named() -> None:
    async with whatif(Simulated(), None) as c:
        await c.until_shown("10.6 GiB  no card here to hold it against")
        await c.until_shown("smallest card  11 GiB, such as RTX 2080 Ti")


async def test_a_model_that_cannot_be_planned_says_why() -> None:
    async with whatif(Simulated("this model needs trust_remote_code")) as c:
        await c.until_shown("not planned: this model needs trust_remote_code")
