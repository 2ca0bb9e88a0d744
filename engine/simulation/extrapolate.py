"""A deep model from two shallow ones: at each kind of moment, memory is linear in the number of layers.

First and last layers keep what is special about them, since moments are told apart by their place; the peak among the
layers between is at one of the two ends. What is lost to fragments does not grow with depth, it only varies: the worse
of the two is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.simulation.tracker import Moment, Peak

PERIODS = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """One stage on a model of some depth: its peak at each kind of moment, and what the allocator made of it."""

    stage: str
    peaks: dict[Moment, Peak]
    reserved: int
    capacity: int

    @property
    def allocated(self) -> int:
        return max(peak.allocated for peak in self.peaks.values())


def few_layers(shape: Any) -> tuple[int, int] | None:
    """How many layers to run instead of all, so that each kind of layer is as frequent; None where all are few."""
    text = shape.get_text_config()
    period = max(PERIODS, _period(getattr(text, "layer_types", None) or ()))
    return (period, 2 * period) if text.num_hidden_layers > 2 * period else None


def extrapolated(few: Measured, more: Measured, counts: tuple[int, int], layers: int) -> Measured:
    """The stage on `layers` layers, from it on `counts` of them."""

    def line(first: float, second: float) -> int:
        return round(first + (second - first) * (layers - counts[0]) / (counts[1] - counts[0]))

    peaks = {}
    for moment in few.peaks.keys() & more.peaks.keys():
        a, b = few.peaks[moment], more.peaks[moment]
        names = a.parts.keys() | b.parts.keys()
        parts = {name: max(0, line(a.parts.get(name, 0), b.parts.get(name, 0))) for name in names}
        words = b.words.replace(f"layer {counts[1]}", f"layer {layers}")
        peaks[moment] = Peak(line(a.allocated, b.allocated), parts, words)
    allocated = max(peak.allocated for peak in peaks.values())
    reserved = max(one.reserved - one.allocated for one in (few, more))
    capacity = max(one.capacity - one.allocated for one in (few, more))
    return Measured(few.stage, peaks, allocated + reserved, allocated + capacity)


def _period(kinds: Sequence[str]) -> int:
    """After how many layers the kinds repeat."""
    for period in range(1, len(kinds)):
        if all(kinds[i] == kinds[i + period] for i in range(len(kinds) - period)):
            return period
    return max(1, len(kinds))
