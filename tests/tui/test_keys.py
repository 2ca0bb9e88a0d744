"""Keys: one meaning a screen, an id each, and a file that gives them others without ever stopping the app."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.screens.cockpit import cockpit
from tui.keys import SCREENS, keymap_path, load_keymap


@pytest.mark.parametrize("screen", SCREENS)
def test_no_key_means_two_things_on_a_screen(screen: str) -> None:
    keys = [key for binding in SCREENS[screen] for key in binding.key.split(",")]
    assert len(keys) == len(set(keys))


def test_every_key_has_an_id_of_its_own_and_says_what_it_does() -> None:
    every = [binding for bindings in SCREENS.values() for binding in bindings]
    ids = [binding.id for binding in every]
    assert len(ids) == len(set(ids))
    assert all(binding.id and binding.description for binding in every)


def test_where_the_file_is() -> None:
    assert keymap_path({"HOME": "/home/ana"}) == Path("/home/ana/.config/pilothouse/keys.yaml")
    assert keymap_path({"HOME": "/home/ana", "XDG_CONFIG_HOME": "/etc/x"}) == Path("/etc/x/pilothouse/keys.yaml")
    assert keymap_path({"HOME": "/home/ana", "PILOTHOUSE_KEYS": "/k.yaml"}) == Path("/k.yaml")


def test_no_file_is_no_fault(tmp_path: Path) -> None:
    assert load_keymap(tmp_path / "keys.yaml") == ({}, [])


@pytest.mark.parametrize(
    ("text", "keymap", "fault"),
    [
        ("run.smooth: z", {"run.smooth": "z"}, ""),
        ("run.smooth: 8", {"run.smooth": "8"}, ""),
        ("run.smoth: z", {}, "did you mean run.smooth?"),
        ("run.smooth: y", {}, "y is already run.log on the run screen"),
        ("run.smooth: y\nrun.log: s", {"run.smooth": "y", "run.log": "s"}, ""),
        ("gate.accept: n", {}, "n is already gate.sample_1"),
        ("run.smooth: no", {}, "put yes, no, on, off in quotes"),
        ("run.smooth: [z]", {}, "expected a key"),
        ("- z", {}, "expected lines such as"),
        ("run.smooth: [", {}, "not readable"),
    ],
)
def test_what_a_file_says(tmp_path: Path, text: str, keymap: dict[str, str], fault: str) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    found, faults = load_keymap(path)
    assert found == keymap
    assert fault in " ".join(faults)
    assert bool(faults) == bool(fault)


@pytest.mark.usefixtures("runs")
async def test_a_key_of_ones_own_works_and_is_the_one_that_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("run.log: z\nrun.nothing: x\n")
    async with cockpit("running", environ={"LANG": "C.UTF-8", "PILOTHOUSE_KEYS": str(path)}) as c:
        await c.until_shown("z log axis")
        await c.until_shown("no such key id")
        await c.until_shown("limit 0.1")
        await c.press("z")
        await c.until_shown("· log")
        await c.press("y")
        assert "· log" in c.text
