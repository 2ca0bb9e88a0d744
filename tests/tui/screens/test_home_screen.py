"""Home: every run for what it is, the waiting ones first; a config becomes a run; and back again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from engine.store.paths import RunPaths
from tests.fixtures.recorded import alive, write_run
from tests.tui.screens.cockpit import Cockpit, Ticker
from tui.app import Pilothouse
from tui.screens.home import HomeScreen
from tui.screens.prompt import Prompt
from tui.screens.run import RunScreen


@pytest.fixture
def here(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config, and the runs directory of the test."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "tiny.yaml").write_text("# A tiny run of the demo.\ntraining: {beta: 0.3}\n")
    return runs


@asynccontextmanager
async def home(size: tuple[int, int] = (120, 40)) -> AsyncIterator[Cockpit]:
    ticker = Ticker()
    app = Pilothouse(environ={"LANG": "C.UTF-8"}, monotonic=ticker)
    async with app.run_test(size=size, notifications=True) as pilot:
        yield Cockpit(app, pilot, RunPaths(Path()), ticker)


def row(c: Cockpit, name: str) -> int:
    return next(index for index, line in enumerate(c.text.splitlines()) if f" {name} " in line)


async def test_runs_stand_in_the_order_in_which_they_need_somebody(here: Path) -> None:
    done, lost = write_run("completed", "done"), write_run("lost", "gone")
    busy, waits = write_run("running", "busy"), write_run("awaiting_decision", "waits")
    (here / "torn").mkdir()
    (here / "torn" / "run.db").write_bytes(b"not a database")
    with alive(busy), alive(waits):
        async with home() as c:
            for words in ("waiting for you", "lost", "running", "completed", "unreadable", "dpo 30/60"):
                await c.until_shown(words)
            rows = [row(c, paths.name) for paths in (waits, lost, busy, done)]
            assert rows == sorted(rows)
            assert "torn" in c.text
            assert "free of" in c.text


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
async def test_where_it_is_narrow_the_name_and_the_state_stay(size: tuple[int, int]) -> None:
    paths = write_run("awaiting_decision", "a-rather-long-name-for-a-run")
    with alive(paths):
        async with home(size) as c:
            await c.until_shown("a-rather-long-name-for-a-run")
            await c.until_shown("waiting for you")
            assert all(len(line) <= size[0] for line in c.text.splitlines())


@pytest.mark.usefixtures("here")
async def test_enter_attaches_and_detaching_comes_back() -> None:
    paths = write_run("running")
    with alive(paths):
        async with home() as c:
            await c.until_shown("enter attach")
            await c.press("enter")
            await c.until(lambda: isinstance(c.screen, RunScreen), "the run")
            await c.until_shown("step 30 / 60")
            await c.press("d")
            await c.until(lambda: isinstance(c.screen, HomeScreen), "home")
            await c.press("enter")
            await c.until_shown("step 30 / 60")
            assert c.app.is_running


@pytest.mark.usefixtures("here")
async def test_a_lost_run_can_be_given_a_new_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr("tui.client.start_engine", lambda paths: started.append(paths.name))
    write_run("lost", "gone")
    async with home() as c:
        await c.until_shown("R resume")
        await c.press("R")
        await c.until(lambda: started == ["gone"], "an engine")
        await c.until(lambda: isinstance(c.screen, RunScreen), "the run")


@pytest.mark.usefixtures("here")
async def test_a_config_is_started_under_a_name_that_is_checked_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr("tui.client.start_engine", lambda paths: started.append(paths.name))
    write_run("completed", "taken")
    async with home() as c:
        await c.until_shown("A tiny run of the demo.")
        await c.press("n")
        await c.until(lambda: isinstance(c.screen, Prompt), "the question")
        name = c.screen.query_one(Input)
        assert name.value == "tiny"
        for text, fault in (("../up", "letters, digits"), ("taken", "already a run of that name")):
            name.value = text
            await c.until_shown(fault)
            await c.press("enter")
            assert isinstance(c.screen, Prompt)
        name.value = "mine"
        await c.press("enter")
        await c.until(lambda: started == ["mine"], "an engine")
        await c.until(lambda: isinstance(c.screen, RunScreen), "the run")


async def test_a_config_with_faults_starts_nothing_and_names_them(here: Path) -> None:
    (here.parent / "configs" / "tiny.yaml").write_text("training: {betta: 0.3}\n")
    async with home() as c:
        await c.until_shown("tiny.yaml")
        await c.press("n", "enter")
        await c.until_shown("did you mean")
        assert isinstance(c.screen, HomeScreen)
        assert not (here / "tiny").exists()


@pytest.mark.usefixtures("here")
async def test_nothing_here_is_said_and_q_leaves() -> None:
    async with home() as c:
        await c.until_shown("no run yet")
        await c.press("q")
        await c.until(lambda: not c.app.is_running, "the end")
