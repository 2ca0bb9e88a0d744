"""The table of measurements and the terminal that they are taken with."""

from pathlib import Path

import pytest

from tests.bench.screen import Screen
from tests.bench.table import Row, at_most, machine, render, replace_section


def test_a_target_is_met_or_not() -> None:
    assert at_most("first frame", 0.512, 0.6, "s") == Row("first frame", "0.51 s", "≤ 0.60 s", True)
    assert at_most("memory", 61.4, 60, "MB").verdict == "**no**"
    assert "| memory | 61.4 MB | ≤ 60 MB | **no** |" in render([at_most("memory", 61.4, 60, "MB")])


def test_measuring_again_replaces_one_section_alone(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    replace_section("Interface", "first", path)
    replace_section("Engine", "steps", path)
    replace_section("Interface", "second", path)
    text = path.read_text()
    assert "first" not in text
    assert text.index("## Interface\n\nsecond") < text.index("## Engine\n\nsteps")
    assert text.startswith("# What was measured")


def test_replacing_with_the_same_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    for name in ("A", "B"):
        replace_section(name, "| table |", path)
    before = path.read_text()
    replace_section("A", "| table |", path)
    assert path.read_text() == before


def test_the_machine_is_described() -> None:
    line = machine(["textual", "no-such-package"])
    assert "cores" in line
    assert "textual 8." in line
    assert "no-such-package absent" in line


@pytest.mark.parametrize("cut", range(1, 30))
def test_the_screen_shows_what_was_sent_however_it_is_cut(cut: int) -> None:
    screen = Screen(10, 3)
    sent = "\x1b[?2026h\x1b[2;3H\x1b[1;38;2;9;9;9m⡇⠿x\x1b[0m\r\n\x1b]0;title\x07end\x1b[?2026l"
    screen.feed(sent[:cut])
    screen.feed(sent[cut:])
    assert screen.text.split("\n") == [" " * 10, "  ⡇⠿x     ", "end       "]
    assert screen.braille == 2


def test_clearing_the_screen() -> None:
    screen = Screen(4, 1)
    screen.feed("⡇⡇\x1b[2J")
    assert screen.braille == 0
