"""What a run's budget is charged for: the time that an engine was at work. Waiting at a gate and pauses are free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.records import Iteration, Spent
from engine.store.rows import Attempt

CHARGED_STATES = frozenset({"starting", "running", "stopping"})
_RECENT = 3  # iterations that the next one's cost is estimated from


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start` to `end`, in unix seconds, on `cards` GPUs (0: on the CPU)."""

    start: float
    end: float
    cards: int = 0

    def within(self, lo: float, hi: float) -> float:
        """Seconds of it that lie between `lo` and `hi`."""
        return max(0.0, min(self.end, hi) - max(self.start, lo))


def intervals_of(
    states: Sequence[tuple[int, float, str]], attempts: Iterable[Attempt], pulse: tuple[int, float] | None
) -> tuple[Interval, ...]:
    """The charged intervals from (attempt, t, state) in order. A life without an end lasted to its last heartbeat."""
    lives = {attempt.id: attempt for attempt in attempts}
    found = []
    for place, (attempt, start, state) in enumerate(states):
        life = lives.get(attempt)
        if state not in CHARGED_STATES or life is None:
            continue
        after = states[place + 1] if place + 1 < len(states) else None
        if after and after[0] == attempt:
            end = after[1]
        elif life.ended is not None:
            end = life.ended
        else:
            end = pulse[1] if pulse and pulse[0] == attempt else start
        found.append(Interval(start, max(start, end), life.cards))
    return tuple(found)


def charged_to(iteration: Iteration, intervals: Iterable[Interval]) -> float:
    """Seconds of work between an iteration's start and the end of its evaluation."""
    end = float("inf") if iteration.ended is None else iteration.ended
    return sum(interval.within(iteration.started, end) for interval in intervals)


def spent(intervals: Sequence[Interval], iterations: Sequence[Iteration]) -> Spent:
    """All that a run has spent, and what one more iteration should take: the mean of the last three trained ones."""
    wall = sum(interval.end - interval.start for interval in intervals)
    cards = sum((interval.end - interval.start) * interval.cards for interval in intervals)
    trained = [it for it in iterations if it.index > 0 and it.ended is not None and not it.fault][-_RECENT:]
    costs = [charged_to(iteration, intervals) for iteration in trained]
    return Spent(wall, cards, sum(costs) / len(costs) if costs else 0.0)
