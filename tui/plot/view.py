"""Which part of the x axis a chart shows: zoom, pan, cursor steps and following, as arithmetic on (x0, x1)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

Range = tuple[float, float]


def settle(extent: Range) -> Range:
    """`extent` with its right end rounded up, so that a growing run redraws its charts seldom.

    The end moves in sixteenths of the run's own size, so at most an eighth of the chart is waiting for data.
    """
    first, last = extent
    size = max(last - first, 1.0)
    grain = 2.0 ** max(math.floor(math.log2(size)) - 3, 0)
    return first, first + max(math.ceil(size / grain) * grain, 8.0)


@dataclass(frozen=True, slots=True)
class View:
    """The run's range of steps, and the window on it that all charts of a screen share; None is all of it."""

    extent: Range = (0.0, 1.0)
    window: Range | None = None
    least: float = 8.0

    @property
    def range(self) -> Range:
        return self.window or settle(self.extent)

    def zoom(self, factor: float, anchor: float | None = None) -> View:
        """Show `factor` of what is shown (0.5 zooms in); `anchor` stays where it is, or else the newest step."""
        low, high = self.range
        latest = min(high, self.extent[1])
        anchor = latest if anchor is None or not low <= anchor <= high else anchor
        size = max((high - low) * factor, self.least)
        whole = settle(self.extent)
        if size >= whole[1] - whole[0]:
            return self.reset()
        start = anchor - (anchor - low) * size / (high - low)
        return replace(self, window=self._inside(start, size))

    def pan(self, share: float) -> View:
        """Move by `share` of the window, to the right when positive; nothing happens when all is shown."""
        if self.window is None:
            return self
        low, high = self.window
        return replace(self, window=self._inside(low + (high - low) * share, high - low))

    def reset(self) -> View:
        return replace(self, window=None)

    def grow(self, extent: Range) -> View:
        """The same view after the run went on; a window that showed the newest step keeps showing it."""
        if self.window is None or self.window[1] < self.extent[1]:
            return replace(self, extent=extent)
        grown = replace(self, extent=extent)
        low, high = self.window
        if extent[1] <= high:
            return grown
        ahead = (high - low) / 8
        return replace(grown, window=grown._inside(extent[1] + ahead - (high - low), high - low))

    def step(self, cursor: float | None, cells: int, width: int) -> float:
        """The cursor moved by `cells` of a chart that is `width` cells wide; it starts at the newest step shown."""
        low, high = self.range
        last = min(high, self.extent[1])
        if cursor is None or not low <= cursor <= high:
            return last
        return min(max(cursor + cells * max((high - low) / max(width, 1), 1.0), low), last)

    def _inside(self, start: float, size: float) -> Range:
        low, high = settle(self.extent)
        start = min(max(start, low), max(high - size, low))
        return start, start + size
