"""Dots: a series as one vertical span per pixel column, and spans as cells of a character grid.

A column that many points fall into shows their minimum to maximum, so that no spike is lost; columns between two
points are joined by a straight line; a value that is not a number breaks it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Span = tuple[int, int]
"""First and last lit row of a pixel column, counted from the top."""


def spans(
    columns: Sequence[float], tops: Sequence[float], bottoms: Sequence[float], width: int, height: int
) -> list[Span | None]:
    """The lit span of each of `width` pixel columns, None where there is nothing.

    `columns` are pixel positions in rising order (those outside [0, width) only lead the line to the edge); `tops` and
    `bottoms` are rows from the top, NaN for no value. Spans are cut to `height` rows.
    """
    found: dict[int, tuple[float, float]] = {}
    last: tuple[int, float] | None = None
    for column, top, bottom in zip(columns, tops, bottoms, strict=True):
        if math.isnan(top) or math.isnan(bottom):
            last = None
            continue
        x, middle = math.floor(column), (top + bottom) / 2
        if last is not None:
            for between in range(max(last[0] + 1, 0), min(x, width)):
                y = last[1] + (middle - last[1]) * (between - last[0]) / (x - last[0])
                found[between] = (y, y)
        before = found.get(x, (top, bottom))
        found[x] = (min(top, before[0]), max(bottom, before[1]))
        last = (x, middle)
    return _bridge([_cut(found.get(x), height) for x in range(width)])


def _cut(span: tuple[float, float] | None, height: int) -> Span | None:
    if span is None:
        return None
    top, bottom = math.floor(span[0] + 0.5), math.floor(span[1] + 0.5)
    return None if bottom < 0 or top >= height else (max(top, 0), min(bottom, height - 1))


def _bridge(columns: list[Span | None]) -> list[Span | None]:
    """Stretch neighbouring spans that do not touch until they meet half-way, so that a steep line stays a line."""
    joined = list(columns)
    for x in range(1, len(columns)):
        left, right = joined[x - 1], joined[x]
        if left is None or right is None:
            continue
        if right[0] > left[1] + 1:
            half = (left[1] + right[0]) // 2
            joined[x - 1], joined[x] = (left[0], half), (half + 1, right[1])
        elif right[1] < left[0] - 1:
            half = (left[0] + right[1]) // 2
            joined[x - 1], joined[x] = (half + 1, left[1]), (right[0], half)
    return joined


def cells(columns: Sequence[Span | None], dots: tuple[int, int], rows: int) -> list[list[int]]:
    """`rows` rows of cell codes for pixel columns, `dots` = (columns, rows) of pixels in a cell.

    Bit row·columns + column of a code is that pixel, the top left one first.
    """
    across, down = dots
    grid = [[0] * (len(columns) // across) for _ in range(rows)]
    for x in range(len(columns) // across * across):
        span = columns[x]
        if span is None:
            continue
        cell, column = divmod(x, across)
        for row in range(span[0] // down, span[1] // down + 1):
            first, last = max(span[0] - row * down, 0), min(span[1] - row * down, down - 1)
            code = 0
            for y in range(first, last + 1):
                code |= 1 << (y * across + column)
            grid[row][cell] |= code
    return grid
