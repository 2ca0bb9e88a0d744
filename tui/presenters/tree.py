"""The run as a tree of iterations, for choosing one: children under their parents, the failed ones left out."""

from __future__ import annotations

from collections.abc import Iterator

from engine.records import KL, WIN_RATE, Assessment, Iteration
from tui.presenters.cell import MISSING, Cell
from tui.presenters.iterations import Column, Grid, decided
from tui.presenters.names import capabilities, short
from tui.presenters.numbers import number


def tree_table(iterations: tuple[Iteration, ...], assessment: Assessment) -> tuple[Grid, tuple[str, ...]]:
    """Rows in depth-first order, and the index of each as its key. Only measured iterations can be started from."""
    able = capabilities(iterations)
    columns = (
        Column("name", "iteration", flexible=True),
        Column(WIN_RATE, "win rate", right=True),
        Column(KL, "KL", right=True),
        *(Column(name, short(name), right=True, drop=2 + rank) for rank, name in enumerate(able)),
        Column("said", "", flexible=True),
    )
    walked = [(depth, one) for depth, one in _walk(iterations, None, 0) if one.metrics and not one.fault]
    rows = tuple(
        (_name(one, depth, assessment), *(_value(one, name) for name in (WIN_RATE, KL, *able)), _said(one, assessment))
        for depth, one in walked
    )
    return Grid(columns, rows), tuple(str(one.index) for _, one in walked)


def _walk(iterations: tuple[Iteration, ...], parent: int | None, depth: int) -> Iterator[tuple[int, Iteration]]:
    for one in iterations:
        if one.parent == parent and one.index != parent:
            yield depth, one
            yield from _walk(iterations, one.index, depth + 1)


def _name(one: Iteration, depth: int, assessment: Assessment) -> Cell:
    name = "0 baseline" if one.index == 0 else str(one.index)
    branch = "  " * (depth - 1) + "└ " if depth else ""
    return Cell(branch + name, "bold" if one.index == assessment.index else "")


def _value(one: Iteration, name: str) -> Cell:
    metric = one.metrics.get(name)
    return MISSING if metric is None else Cell(number(metric.value))


def _said(one: Iteration, assessment: Assessment) -> Cell:
    if one.index == assessment.index:
        return Cell("this one: keep it", "warn")
    best = "best, " if one.index == assessment.best else ""
    return Cell(f"{best}{decided(one.decision)}".rstrip(", "), "good" if best else "dim")
