"""The memory row of a gate's proposal: what the next iteration needs beside what this one did. Called in a thread."""

from __future__ import annotations

from engine.errors import PilothouseError
from engine.records import Assessment, Iteration, Memory
from engine.store.paths import RunPaths
from tui.planner import Planner
from tui.presenters import choices
from tui.presenters.cell import Cell


def row_of(
    paths: RunPaths, planner: Planner, iterations: tuple[Iteration, ...], assessment: Assessment, memory: Memory | None
) -> tuple[Cell, ...] | None:
    """The row, or None where a config cannot be planned: its absence is no news at a gate."""
    from engine.config import load_config, with_settings
    from tui.presenters.memory import memory_row, room_in_run

    choice = choices.editable(iterations, assessment)
    try:
        config = load_config(paths.config)
        before = planner.plan(with_settings(config, choice.base))
        after = planner.plan(with_settings(config, choices.next_settings(choice)))
    except (PilothouseError, OSError):
        return None
    return memory_row(before, after, room_in_run(memory))
