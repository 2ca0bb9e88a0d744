"""A run is planned while its name is typed: what will not fit is refused in words, and may be started all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.memory.planning.room import Room
from engine.store.paths import RunPaths, create_run
from engine.store.plans import read_plan
from tests.tui.fakes import GIB, ROOM, Simulated, planner
from tests.tui.screens.cockpit import Cockpit, Ticker
from tui.app import Pilothouse
from tui.planner import plan_started
from tui.screens.run import RunScreen
from tui.screens.start import StartPrompt

LARGE = "training: {batch_size: 16, max_length: 1024}\n"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr("tui.client.start_engine", lambda paths: names.append(paths.name))
    return names


@pytest.fixture
def here(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.yaml").write_text("training: {batch_size: 2, max_length: 1024}\n")
    return runs


@asynccontextmanager
async def asked(
    simulated: Simulated, room: Room | None = ROOM, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Cockpit]:
    app = Pilothouse(environ={"LANG": "C.UTF-8"}, planner=planner(simulated, room))
    async with app.run_test(size=size, notifications=True) as pilot:
        c = Cockpit(app, pilot, RunPaths(Path()), Ticker())
        await c.until_shown("mine.yaml")
        await c.press("n")
        await c.until(lambda: isinstance(c.screen, StartPrompt), "the question")
        yield c


async def begun(c: Cockpit, started: list[str], name: str) -> None:
    await c.until(lambda: started == [name], "an engine")
    await c.until(lambda: isinstance(c.screen, RunScreen) and c.screen.query("#loss"), "the run")


async def test_what_fits_starts_and_its_plan_goes_with_it(here: Path, started: list[str]) -> None:
    async with asked(Simulated()) as c:
        await c.until_shown("8.6 GiB of 12.0 GiB  fits what is free of the RTX 4070 now")
        await c.press("enter")
        await begun(c, started, "mine")
    plan = read_plan(RunPaths(here / "mine"))
    assert plan is not None
    assert plan.capacity == 8 * GIB + GIB // 2 + GIB // 8


async def test_what_will_not_fit_is_refused_and_may_be_overridden(here: Path, started: list[str]) -> None:
    (here.parent / "configs" / "mine.yaml").write_text(LARGE)
    async with asked(Simulated(), size=(80, 24)) as c:
        await c.until_shown("will not fit")
        await c.press("enter")
        await c.until_shown("not started: it will not fit   ctrl+o starts it all the same")
        assert isinstance(c.screen, StartPrompt)
        assert started == []
        await c.press("ctrl+o")
        await begun(c, started, "mine")


@pytest.mark.usefixtures("here")
async def test_tight_is_said_and_starts(started: list[str]) -> None:
    tight = Room("RTX 3080", 9 * GIB, 9 * GIB, free=9 * GIB)
    async with asked(Simulated(), tight) as c:
        await c.until_shown("tight on what is free of the RTX 3080 now: only 0.38 GiB to spare")
        await c.press("enter")
        await begun(c, started, "mine")


@pytest.mark.usefixtures("here")
async def test_enter_before_the_plan_waits_for_it_and_keys_go_on(started: list[str]) -> None:
    simulated = Simulated()
    simulated.free.clear()
    async with asked(simulated) as c:
        await c.press("enter")
        await c.until_shown("it starts when its plan is there and fits")
        assert "planning…" in c.text
        await c.press("end", "x")
        await c.until_shown("minex")
        await c.until_shown("enter takes it")  # the name is another now, and has to be said again
        await c.press("enter")
        assert started == []
        simulated.free.set()
        await begun(c, started, "minex")


@pytest.mark.usefixtures("here")
async def test_a_large_run_asked_for_early_is_still_refused(here: Path, started: list[str]) -> None:
    (here.parent / "configs" / "mine.yaml").write_text(LARGE)
    simulated = Simulated()
    simulated.free.clear()
    async with asked(simulated) as c:
        await c.press("enter")
        simulated.free.set()
        await c.until_shown("not started: it will not fit")
        assert started == []
        await c.press("escape")
        assert not isinstance(c.screen, StartPrompt)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("simulated", "room", "words"),
    [
        (Simulated("the hub has no such model"), ROOM, "not planned: the hub has no such model"),
        (Simulated(), None, "not planned: no NVIDIA card here"),
    ],
)
async def test_what_cannot_be_planned_starts_nevertheless(
    started: list[str], simulated: Simulated, room: Room | None, words: str
) -> None:
    async with asked(simulated, room) as c:
        await c.until_shown(words)
        await c.press("enter")
        await begun(c, started, "mine")


@pytest.mark.usefixtures("here")
async def test_nothing_is_simulated_where_there_is_no_card(started: list[str]) -> None:
    simulated = Simulated()
    async with asked(simulated, None) as c:
        await c.until_shown("no NVIDIA card here")
    assert simulated.asked == []
    assert started == []


@pytest.mark.usefixtures("here")
def test_a_run_started_elsewhere_gets_its_plan_once() -> None:
    simulated = Simulated()
    paths = create_run("elsewhere", "training: {batch_size: 2, max_length: 1024}\n")
    for _ in range(2):
        plan_started(planner(simulated), paths)
    assert simulated.asked == [(2, 1024, 8)]
    assert read_plan(paths) is not None
    plan_started(planner(simulated, None), create_run("on-the-cpu", "{}\n"))
    assert len(simulated.asked) == 1
