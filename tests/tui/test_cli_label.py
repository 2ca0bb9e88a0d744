"""`pilothouse label RUN`: straight to the pairs and out again; where there are none, words instead of a screen."""

from __future__ import annotations

from typing import Any

import pytest

import tui.app
from engine.store.opinions import labels
from tests.fixtures.recorded import write_run
from tests.tui.screens.cockpit import cockpit
from tui.cli import main
from tui.commands import attach
from tui.screens.label import LabelScreen

pytestmark = pytest.mark.usefixtures("runs")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The runs whose screens were opened; they are left at once."""
    opened: list[Any] = []
    monkeypatch.setattr(attach, "has_terminal", lambda: True)
    monkeypatch.setattr(tui.app, "run_app", lambda paths, **how: opened.append((paths.name, how["on_ready"])))
    return opened


class Door:
    """An app that remembers which screen it was told to open."""

    def __init__(self) -> None:
        self.opened: list[tuple[int | None, bool]] = []

    def open_label(self, iteration: int | None = None, *, alone: bool = False) -> None:
        self.opened.append((iteration, alone))


@pytest.mark.parametrize(("words", "iteration"), [([], 2), (["--iteration", "1"], 1)])
def test_it_opens_on_the_newest_pairs_or_those_asked_for(shown: list[Any], words: list[str], iteration: int) -> None:
    write_run("awaiting_decision", "one")
    assert main(["label", "one", *words]) == 0
    [(name, on_ready)] = shown
    door = Door()
    on_ready(door)
    assert (name, door.opened) == ("one", [(iteration, True)])


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--iteration", "0"], "iteration 0 has left no pairs\n  finished: 1, 2"), (["--iteration", "7"], "iteration 7")],
)
def test_pairs_that_are_not_there_are_said_before_a_screen_opens(
    shown: list[Any], capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    write_run("awaiting_decision", "one")
    assert main(["label", "one", *words]) == 2
    assert said in capsys.readouterr().err
    assert shown == []


def test_damaged_pairs_are_said_too(shown: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    paths = write_run("awaiting_decision", "one")
    (paths.iteration(2) / "pairs.jsonl").write_text("")
    assert main(["label", "one"]) != 0
    assert "pairs.jsonl" in capsys.readouterr().err
    assert shown == []


def test_without_a_terminal_it_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_run("awaiting_decision", "one")
    monkeypatch.setattr(attach, "has_terminal", lambda: False)
    assert main(["label", "one"]) == 2
    assert "need a terminal" in capsys.readouterr().err


async def test_the_screen_opens_alone_and_leaving_it_leaves_the_app() -> None:
    async with cockpit(on_ready=lambda app: app.open_label(1, alone=True)) as c:
        await c.until_shown("iteration 1  0 labelled")
        assert isinstance(c.screen, LabelScreen)
        await c.press("t")
        await c.until_shown("1 labelled")
        await c.press("escape")
        await c.until(lambda: c.app._exit, "left")
    assert [label.choice for label in labels(c.paths)] == ["tie"]
