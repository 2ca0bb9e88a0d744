"""Home's words: a row a run, the waiting ones first; a row a config; the card's headroom in a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from engine.records import Memory
from engine.text import one_line
from tui.presenters.cell import Cell
from tui.presenters.iterations import Column, Grid
from tui.presenters.numbers import moment
from tui.presenters.standing import standing
from tui.widgets.words import duration, gib

_RANK = {"awaiting_decision": 0, "lost": 1, "failed": 2, "paused": 3, "running": 4, "starting": 4, "stopping": 4}


@dataclass(frozen=True, slots=True)
class Found:
    path: Path
    about: str


def run_grid(rows: Sequence[Mapping[str, Any]], now: float) -> tuple[Grid, tuple[str, ...]]:
    """What asks for a person first: waiting, lost, failed; then what runs, then what is over, the newest first."""
    ordered = sorted(rows, key=lambda row: (_RANK.get(row["state"], 5), -float(row["started"] or 0)))
    columns = (
        Column("mark", ""),
        Column("name", "run"),
        Column("state", "state"),
        Column("iteration", "iteration", right=True, drop=1),
        Column("where", "where", drop=2, flexible=True),
        Column("best", "best", right=True, drop=3),
        Column("started", "started", right=True, drop=4),
        Column("note", "", flexible=True),
    )
    return Grid(columns, tuple(_run(row, now) for row in ordered)), tuple(row["name"] for row in ordered)


def _run(row: Mapping[str, Any], now: float) -> tuple[Cell, ...]:
    how = standing(row["state"], row["engine"], row["fault"], row["heartbeat_age_s"])
    waits = row["waiting_s"] if row["state"] == "awaiting_decision" else None
    step = f" {row['step']}/{row['max_steps']}" if row["max_steps"] else ""
    note = Cell(one_line(how.line), "dim") if waits is None else Cell(f"for {duration(waits)}", "warn")
    over = row["state"] in {"completed", "stopped", "failed", "unreadable"}
    return (
        Cell("▸" if waits is not None else "", "warn"),
        Cell(one_line(row["name"], 64), "bold"),
        Cell(how.word, how.tone),
        Cell("" if row["iteration"] is None else str(row["iteration"])),
        Cell("" if over else f"{row['stage']}{step}", "dim"),
        Cell("" if row["best"] is None else str(row["best"]), "good"),
        Cell(moment(row["started"], now) if row["started"] else "", "dim"),
        note,
    )


def config_grid(configs: Sequence[Found]) -> tuple[Grid, tuple[str, ...]]:
    columns = (Column("name", "config"), Column("about", "", flexible=True))
    rows = tuple((Cell(one_line(found.path.name), "bold"), Cell(one_line(found.about), "dim")) for found in configs)
    return Grid(columns, rows), tuple(str(found.path) for found in configs)


def headroom(readings: Sequence[Memory]) -> Text:
    """`RTX 4070  9.8 of 12.0 GiB used, 2.2 GiB free`; the host's memory, said to be so, where there is no card."""
    lines = []
    for memory in readings:
        what = memory.name if memory.source == "gpu" else "host memory (no NVIDIA card)"
        line = Text.assemble((what, "dim"), "  ", (gib(memory.headroom), "bold"), (" free", "dim"))
        line.append(f" of {gib(memory.total)}", "dim")
        if memory.simulated:
            line.append("  simulated", "bold warn")
        lines.append(line)
    return Text("\n").join(lines)
