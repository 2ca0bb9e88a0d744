"""Dots: a series as one vertical span per pixel column, and spans as cells of a character grid.

A column that many points fall into shows their minimum to maximum, so that no spike is lost; columns between two
points are joined by a straight line; a value that is not a number breaks it. Rows count from the top.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tui.plot.series import Array

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Spans = tuple[Rows, Rows]
"""First and last lit row of each pixel column; first > last where nothing is lit."""

_DARK = (1, 0)


def spans(columns: Array, tops: Array, bottoms: Array, width: int, height: int) -> Spans:
    """The lit rows of each of `width` pixel columns, cut to `height` rows.

    `columns` are pixel positions in rising order (those outside [0, width) only lead the line to the edge); `tops` and
    `bottoms` are rows as fractions, NaN for no value.
    """
    top, bottom = np.full(width, np.inf), np.full(width, -np.inf)
    known = np.isfinite(tops) & np.isfinite(bottoms)
    if known.any():
        x = np.floor(columns[known]).astype(np.int64)
        at, starts = np.unique(x, return_index=True)
        highest, lowest = np.minimum.reduceat(tops[known], starts), np.maximum.reduceat(bottoms[known], starts)
        seen = (at >= 0) & (at < width)
        top[at[seen]], bottom[at[seen]] = highest[seen], lowest[seen]
        _lead(top, bottom, at, (highest + lowest) / 2, _broken(x, starts, known))
    return _bridge(_pixels(top, bottom, height))


def _broken(x: Rows, starts: Rows, known: Flags) -> Flags:
    """Whether a missing value lies between each occupied column and the next."""
    missing = np.cumsum(~known)[known]
    ends = np.append(starts[1:], len(x)) - 1
    broken: Flags = missing[starts[1:]] > missing[ends[:-1]]
    return broken


def _lead(top: Array, bottom: Array, at: Rows, middle: Array, broken: Flags) -> None:
    """Fill the columns between occupied ones with the straight line between their middles."""
    columns = np.arange(len(top))
    after = np.searchsorted(at, columns)
    empty = np.isinf(top) & (after > 0) & (after < len(at))
    empty[empty] = ~broken[after[empty] - 1]
    top[empty] = bottom[empty] = np.interp(columns[empty], at, middle)


def _pixels(top: Array, bottom: Array, height: int) -> Spans:
    """Whole rows within the height; what lies outside altogether is dark."""
    lit = (bottom > -0.5) & (top < height - 0.5)
    first = np.where(lit, np.floor(np.where(lit, top, 0) + 0.5), _DARK[0]).astype(np.int64)
    last = np.where(lit, np.floor(np.where(lit, bottom, 0) + 0.5), _DARK[1]).astype(np.int64)
    return np.maximum(first, 0), np.minimum(last, height - 1)


def _bridge(pixels: Spans) -> Spans:
    """Stretch neighbouring spans that do not touch until they meet half-way, so that a steep line stays a line."""
    first, last = pixels[0].copy(), pixels[1].copy()
    both = (pixels[0] <= pixels[1])[:-1] & (pixels[0] <= pixels[1])[1:]
    falls = np.flatnonzero(both & (pixels[0][1:] > pixels[1][:-1] + 1))
    half = (pixels[1][falls] + pixels[0][falls + 1]) // 2
    last[falls], first[falls + 1] = np.maximum(last[falls], half), half + 1
    rises = np.flatnonzero(both & (pixels[1][1:] < pixels[0][:-1] - 1))
    half = (pixels[0][rises] + pixels[1][rises + 1]) // 2
    first[rises], last[rises + 1] = np.minimum(first[rises], half + 1), np.maximum(last[rises + 1], half)
    return first, last


def cells(lit: Spans, dots: tuple[int, int], rows: int) -> list[list[int]]:
    """`rows` rows of cell codes for pixel columns, `dots` = (columns, rows) of pixels in a cell.

    Bit row·columns + column of a code is that pixel, the top left one first.
    """
    across, down = dots
    y = np.arange(rows * down)[:, None]
    pixels = (y >= lit[0]) & (y <= lit[1])
    grid = pixels.reshape(rows, down, -1, across).transpose(0, 2, 1, 3).reshape(rows, -1, down * across)
    codes: list[list[int]] = (grid @ (1 << np.arange(down * across))).tolist()
    return codes
