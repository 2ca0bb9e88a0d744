"""`pilothouse` and `attach`: which run the screens open on, and what is said when they are left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tui.app
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from tests.fixtures.recorded import alive, write_run
from tui.cli import main
from tui.commands import attach

Shown = list[tuple[RunPaths | None, dict[str, Any]]]


@pytest.fixture
def shown(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Shown:
    """What the screens were opened on, and how; they are left at once."""
    opened: Shown = []
    monkeypatch.setattr(attach, "has_terminal", lambda: True)
    monkeypatch.setattr(tui.app, "run_app", lambda paths, **how: opened.append((paths, how)))
    return opened


def test_alone_it_opens_home(shown: Shown) -> None:
    assert main(["--ascii", "--theme", "light"]) == 0
    assert shown == [(None, {"readonly": False, "ascii_only": True, "theme": "light", "on_ready": None})]


def test_attach_without_a_name_takes_the_live_run_that_started_last(
    shown: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = write_run("running", "old", now=1e9), write_run("running", "new")
    write_run("completed", "newest")
    with alive(old), alive(new):
        assert main(["attach", "--readonly"]) == 0
    assert [(paths and paths.name, how["readonly"]) for paths, how in shown] == [("new", True)]
    assert "new goes on without you" in capsys.readouterr().out


def test_attach_without_a_live_run_says_so(shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    write_run("lost", "gone")
    assert main(["attach"]) == 2
    assert "no run is live" in capsys.readouterr().err
    assert shown == []


def test_leaving_a_run_that_failed_is_exit_code_1(shown: Shown) -> None:
    paths = write_run("lost", "broken")
    with Ledger.open(paths) as ledger:
        ledger.set_state("failed", "the loss is not finite")
    assert main(["attach", "broken"]) == 1
    assert [opened and opened.name for opened, _ in shown] == ["broken"]


@pytest.mark.parametrize("words", [[], ["attach", "one"], ["demo"], ["resume", "one"]])
def test_without_a_terminal_it_says_so_and_starts_nothing(
    words: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run("lost", "one")
    monkeypatch.setattr(attach, "has_terminal", lambda: False)
    assert main(words) == 2
    assert "need a terminal" in capsys.readouterr().err
    assert [path.name for path in runs.iterdir()] == ["one"]
    assert not (runs / "one" / "engine.log").exists()
