"""Rows of runs and strips of segments: fitted to a width, with few segments, and compared cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Run = tuple[str, str | Style]
Row = Sequence[Run]


def fitted(row: Row, width: int) -> Row:
    """`row` cut or padded to `width` cells."""
    left = width
    runs: list[Run] = []
    for text, tone in row:
        size = cell_len(text)
        runs.append((text if size <= left else set_cell_size(text, left), tone))
        left -= min(size, left)
        if not left:
            return runs
    return [*runs, (" " * left, "")]


def joined(strip: Strip) -> Strip:
    """`strip` in few segments, for each costs some forty bytes: a blank takes the style of the text before it."""
    result: list[Segment] = []
    for segment in strip:
        last = result[-1] if result else None
        if last and (last.style == segment.style or _same_ground(segment.text, segment.style, last.style)):
            result[-1] = Segment(last.text + segment.text, last.style)
        else:
            result.append(segment)
    return Strip(result)


def _same_ground(text: str, style: Style | None, before: Style | None) -> bool:
    """Whether `text` is blank and looks the same in the style `before` it."""
    if not style or not before or not text.isspace():
        return False
    drawn = style.reverse or style.underline or style.strike or before.reverse or before.underline or before.strike
    return not drawn and style.bgcolor == before.bgcolor


def changed(before: Strip, after: Strip) -> tuple[int, int] | None:
    """The first cell that differs and the one after the last; None when nothing does."""
    if before is after or before == after:
        return None
    old, new = _cells(before), _cells(after)
    if len(old) != len(new):
        return 0, max(before.cell_length, after.cell_length)
    differing = [index for index, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    return (differing[0], differing[-1] + 1) if differing else None


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    """A strip cell by cell; one with wide characters gives a single item, so that it is repainted whole."""
    cells = list(chain.from_iterable(zip(text, repeat(style)) for text, style, _ in strip))
    return cells if len(cells) == strip.cell_length else [("".join(text for text, _ in cells), None)]
