"""Helpfulness against harmlessness in words and points: one point an iteration, joined from the baseline on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.presenters.names import short
from tui.presenters.numbers import number, signed

if TYPE_CHECKING:  # they bring scipy and numpy, which nobody waits for before they compare
    from engine.judgement.balance import Balance, Place
    from tui.plot.plane import Spot

AXES = ("helpful", "harmless")
LEGEND = "a point an iteration, joined along the accepted way; up and right is better"
_AT_MOST = 4
"""Categories that are named one by one."""


def spots(found: Balance) -> tuple[Spot, ...]:
    """The newest in bold, those that were left behind dim and off the path."""
    from tui.plot.plane import Spot

    newest = found.places[-1].index if found.places else None
    return tuple(
        Spot(place.helpful, place.harmless, _name(place), _tone(place, newest), place.on_line) for place in found.places
    )


def _name(place: Place) -> str:
    return str(place.index) if place.index else "baseline"


def _tone(place: Place, newest: int | None) -> str:
    if place.index == newest:
        return "bold"
    return "" if place.on_line else "dim"


def heading(found: Balance) -> str:
    """`helpful against harmless: win rate on 40 and 20 items`."""
    what = " against ".join(AXES)
    return f"{what}: {short(found.measure)} on {found.of[0]} and {found.of[1]} items" if found.places else what


def explained(found: Balance) -> tuple[str, ...]:
    """Which categories are on which side, and how far the newest iteration went from the baseline on either."""
    if not found.places:
        return ()
    sides = f"helpful: {_some(found.helpful)} · harmless: {_some(found.harmless)}"
    left_out = f" · on neither axis: {_some(found.others)}" if found.others else ""
    first, newest = found.places[0], found.places[-1]
    if newest is first:
        return (sides + left_out,)
    moves = ((first.helpful, newest.helpful), (first.harmless, newest.harmless))
    told = (f"{side} {number(now)} ({signed(now - was)})" for side, (was, now) in zip(AXES, moves, strict=True))
    return (sides + left_out, f"{_name(newest)} from {_name(first)}: {', '.join(told)}, not tested")


def missing(found: Balance) -> str:
    """Why there is nothing to draw, and what would do."""
    names = (*found.helpful, *found.harmless, *found.others)
    if not names:
        return "no evaluated item has a category: helpfulness and harmlessness cannot be told apart"
    lacks = " and none ".join(side for side, has in zip(AXES, (found.helpful, found.harmless), strict=True) if not has)
    if not lacks:
        return "no iteration has been measured on helpful and on harmless items"
    return f"none of the categories is {lacks} ({_some(names)}): data.kinds says which is nuanced, and which is safety"


def _some(names: tuple[str, ...]) -> str:
    rest = len(names) - _AT_MOST
    return ", ".join(names[:_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
