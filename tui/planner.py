"""Plans for the screens: a simulator that stays warm and the card here, asked only in threads.

What a screen gets is an `Outlook`: a plan against a card, or in words why there is none. Nothing here draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.errors import PilothouseError

if TYPE_CHECKING:
    from engine.config import RunConfig
    from engine.memory.planning.room import Room
    from engine.memory.planning.run import Simulator
    from engine.records import Plan
    from engine.store.paths import RunPaths

Fit = Literal["fits", "tight", "over", "unknown"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """`plan` against `room`; either may be missing, and `why` says why nothing was planned."""

    plan: Plan | None = None
    room: Room | None = None
    why: str = ""

    @property
    def fit(self) -> Fit:
        if self.plan is None or self.room is None:
            return "unknown"
        return self.room.holds(self.plan.capacity)


def room_of(named: str | None) -> tuple[Room | None, str]:
    """The card that a config names, else the one here with what is free of it now; None and why."""
    from engine.memory.planning.room import find_rooms

    rooms = find_rooms(named)
    return rooms.room, rooms.nothing_here


class Planner:
    """One an app. Every method but `close` may block for seconds."""

    def __init__(
        self,
        simulate: Callable[[RunConfig], Plan] | None = None,
        room: Callable[[str | None], tuple[Room | None, str]] = room_of,
    ) -> None:
        self._simulate, self._room = simulate, room
        self._simulator: Simulator | None = None

    def start(self, config: RunConfig) -> Outlook:
        """What a run that is about to begin needs, where there is a card to hold it against."""
        try:
            if config.model.device == "cpu":
                return Outlook(why="the run is on the CPU")
            room, why = self._room(config.memory.card)
            return Outlook(self.plan(config), room) if room else Outlook(why=why)
        except (PilothouseError, OSError) as error:
            return Outlook(why=str(error))

    def look(self, config: RunConfig, room: Room | None = None) -> Outlook:
        """What a run of `config` needs, held against `room`, else the card that it names or the one here, if any."""
        try:
            return Outlook(self.plan(config), room or self._room(config.memory.card)[0])
        except (PilothouseError, OSError) as error:
            return Outlook(why=str(error))

    def plan(self, config: RunConfig) -> Plan:
        """By layer extrapolation. Raises PlanError."""
        return self._simulate(config) if self._simulate else self._warm().simulate(config, quick=True)

    def _warm(self) -> Simulator:
        from engine.memory.planning.run import Simulator

        if self._simulator is None:
            self._simulator = Simulator()
        return self._simulator

    def close(self) -> None:
        if self._simulator is not None:
            self._simulator.close()


def plan_started(planner: Planner, paths: RunPaths) -> None:
    """Write the plan of a run that has begun without one, where there is a card and the config can be planned."""
    from engine.config import load_config
    from engine.store.plans import read_plan, write_plan

    if read_plan(paths) is None and (plan := planner.start(load_config(paths.config)).plan) is not None:
        write_plan(paths, plan)
