"""Words for what an operator should hear before the card is full, each said once an episode. Pure."""

from __future__ import annotations

from engine.memory.shares import ALARMING
from engine.records import Forecast, Memory
from engine.text import one_line

TIGHT = 0.05
"""Share of the card that must be left for torch's peak to grow; below it the wall is near."""
CLEAR = 0.10
"""Share at which an episode is over: above where it began, so that a card on the edge is not told at each beat."""
COOL_S = 600.0
"""Seconds without throttling after which the next one is news again."""
GIB = 2**30


class Wall:
    """Watches readings of one card for one engine. `look` gives what is new: (kind, words), mostly nothing."""

    def __init__(self) -> None:
        self._tight = False
        self._foretold: set[tuple[int, str]] = set()
        self._hot_at: float | None = None

    def look(self, memory: Memory | None, forecast: Forecast | None = None) -> list[tuple[str, str]]:
        if memory is None or memory.source != "gpu":
            return []
        found = [
            ("memory.tight", self._near(memory)),
            ("memory.forecast", self._coming(memory, forecast)),
            ("card.throttled", self._slow(memory)),
        ]
        return [(kind, words) for kind, words in found if words]

    def _near(self, memory: Memory) -> str:
        if not memory.total or memory.room is None or memory.reserved is None:
            return ""  # an engine on the CPU has no wall there
        share, was = memory.room / memory.total, self._tight
        self._tight = share < (CLEAR if was else TIGHT)
        if was or not self._tight:
            return ""
        others = f"; other processes hold {_gib(memory.others)}" if memory.others else ""
        return f"memory runs out: {_gib(memory.room)} of {_gib(memory.total)} is left above the peak{others}"

    def _coming(self, memory: Memory, forecast: Forecast | None) -> str:
        """Once for each training's longest batch, when it is not likely to fit."""
        if forecast is None or forecast.certain or memory.room is None or memory.peak is None:
            return ""
        limit = memory.peak + memory.room
        verdict = "will not fit" if forecast.low > limit else "may not fit"
        if forecast.high <= limit or {(forecast.tokens, verdict), (forecast.tokens, "will not fit")} & self._foretold:
            return ""
        self._foretold.add((forecast.tokens, verdict))
        return (
            f"the longest batch still to come ({forecast.tokens} tokens) {verdict}: it takes {_gib(forecast.low)} to "
            f"{_gib(forecast.high)}, and torch can have {_gib(limit)}"
        )

    def _slow(self, memory: Memory) -> str:
        alarming = [word for word in memory.throttle if word in ALARMING]
        if not alarming:
            return ""
        news = self._hot_at is None or memory.t - self._hot_at > COOL_S
        self._hot_at = memory.t
        heat = "" if memory.temperature is None else f" at {memory.temperature:.0f} °C"
        return f"{one_line(memory.name, 60)} is slowed down: {', '.join(alarming)}{heat}" if news else ""


def _gib(size: int | None) -> str:
    return f"{(size or 0) / GIB:.1f} GiB"
