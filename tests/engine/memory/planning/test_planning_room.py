"""What is free here, and when the driver's word for it is not to be trusted."""

from __future__ import annotations

from pathlib import Path

from engine.memory.planning.cards import find_card
from engine.memory.planning.room import Room, is_wsl, room_here, room_on
from engine.records import GIB, Memory

ROOM = Room("RTX 4070", 12 * GIB, 12 * GIB, free=10 * GIB)


def here(memory: Memory, root: Path) -> tuple[Room | None, str]:
    return room_here(lambda: (memory,), root)


def test_a_run_is_held_against_what_is_free() -> None:
    assert ROOM.holds(9 * GIB) == "fits"
    assert ROOM.holds(int(9.6 * GIB)) == "tight"
    assert ROOM.holds(10 * GIB) == "tight"
    assert ROOM.holds(10 * GIB + 1) == "over"


def test_a_card_that_is_not_here_is_all_free_but_for_the_drivers_share() -> None:
    room = room_on(find_card("a100"))
    assert (room.free, room.limit) == (None, find_card("a100").usable)
    assert room.notes == ("also sold with 80 GiB: say A100 80GB for that one",)


def test_the_card_here_says_what_others_hold(tmp_path: Path) -> None:
    room, why = here(Memory("gpu", "RTX 4070", total=12 * GIB, used=3 * GIB), tmp_path)
    assert room is not None
    assert (room.free, why) == (9 * GIB, "")
    assert room.notes == ("other programs hold 3.0 GiB of it",)


def test_wsl_is_named_where_the_kernel_says_so(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/version").write_text("Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)")
    assert is_wsl(tmp_path)
    room, _ = here(Memory("gpu", "RTX 4070", total=12 * GIB, used=0), tmp_path)
    assert room is not None
    assert "Windows' own programs" in room.notes[0]
    (tmp_path / "proc/version").write_text("Linux version 6.8.0-generic")
    assert not is_wsl(tmp_path)


def test_without_a_card_it_says_why(tmp_path: Path) -> None:
    assert here(Memory("host", "host memory"), tmp_path) == (None, "no NVIDIA card here")
    reason = "the NVIDIA driver is not loaded"
    assert here(Memory("host", f"host memory: {reason}"), tmp_path) == (None, reason)


def test_a_card_that_does_not_say(tmp_path: Path) -> None:
    assert here(Memory("gpu", "RTX 4070"), tmp_path) == (None, "RTX 4070 does not say how much memory it has")
    room, _ = here(Memory("gpu", "RTX 4070", total=12 * GIB), tmp_path)
    assert room is not None
    assert (room.limit, room.notes) == (12 * GIB, ("the card does not say what is free: held against all of it",))
