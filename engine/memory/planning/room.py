"""What a run may have of a card: of the one in this machine as it is now, or of one that somebody asks about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Literal

from engine.memory.nvml import Sampler
from engine.memory.planning.cards import Card, find_card
from engine.records import GIB, Memory

Fit = Literal["fits", "tight", "over"]
MARGIN = 0.05
"""Share of the room that a comfortable run leaves: what the plan cannot know, such as another program's window."""
_WSL = (
    "under WSL the driver counts memory as free that Windows' own programs hold, and spills into the host's memory "
    "without an error: count on less"
)


@dataclass(frozen=True, slots=True)
class Room:
    """`total` bytes are the card's, `usable` a program's where nothing else runs, `free` are left now (None: not here).

    `notes` say in words why a number may not be what it seems.
    """

    name: str
    total: int
    usable: int
    free: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def limit(self) -> int:
        """Bytes that a run may have: what is free now, or all that the card offers."""
        return self.usable if self.free is None else self.free

    @property
    def comfortable(self) -> int:
        """The limit less its margin."""
        return int(self.limit * (1 - MARGIN))

    def holds(self, capacity: int) -> Fit:
        """Whether a run of that capacity fits, fits without room to spare, or is over."""
        if capacity > self.limit:
            return "over"
        return "fits" if capacity <= self.comfortable else "tight"


@dataclass(frozen=True, slots=True)
class Rooms:
    """The card that was named and the one in this machine; what is not known is None, and `nothing_here` says why."""

    asked: Room | None = None
    here: Room | None = None
    nothing_here: str = ""

    @property
    def room(self) -> Room | None:
        """What a run is held against: the card that was named, else the one here."""
        return self.asked or self.here


def find_rooms(named: str | None) -> Rooms:
    """The card called `named`, if any, and the one here. Raises UsageError for a name that nobody knows."""
    asked = room_on(find_card(named)) if named else None
    return Rooms(asked, *room_here())


def room_on(card: Card) -> Room:
    """All of a card that need not be in this machine."""
    return Room(card.name, card.total, card.usable, notes=(card.note,) if card.note else ())


def room_here(read: Callable[[], tuple[Memory, ...]] | None = None, root: Path = Path("/")) -> tuple[Room | None, str]:
    """What the engine's card has left now, or None with why: no card, no driver, no answer."""
    first = (read or read_now)()[0]
    if first.source == "host":
        return None, first.name.partition(": ")[2] or "no NVIDIA card here"
    if first.total is None:
        return None, f"{first.name} does not say how much memory it has"
    notes = (_WSL,) if is_wsl(root) else ()
    return Room(first.name, first.total, first.total, first.headroom, (*notes, *_unsaid(first))), ""


def read_now(deadline: float = 3.0) -> tuple[Memory, ...]:
    """One reading of the cards, the engine's first; host memory in its place where no card answers in time."""
    sampler = Sampler(deadline=deadline)
    thread = Thread(target=sampler.poll, name="card-reading", daemon=True)  # nothing can interrupt a driver that hangs
    thread.start()
    thread.join(deadline)
    return sampler.latest()


def is_wsl(root: Path = Path("/")) -> bool:
    """Whether this Linux runs inside Windows, by the kernel's own words."""
    try:
        return "microsoft" in (root / "proc/version").read_text().lower()
    except OSError:
        return False


def _unsaid(memory: Memory) -> tuple[str, ...]:
    if memory.headroom is None:
        return ("the card does not say what is free: held against all of it",)
    taken = memory.total - memory.headroom if memory.total else 0
    return (f"other programs hold {taken / GIB:.1f} GiB of it",) if taken > GIB else ()
