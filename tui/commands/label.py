"""`pilothouse label`: the label screen alone. What is wrong with the run's pairs is said before a screen opens."""

from __future__ import annotations

from argparse import Namespace

from engine.store.paths import find_run
from tui.commands.attach import open_screens, require_terminal


def label(args: Namespace) -> int:
    paths = find_run(args.run)
    require_terminal()
    from tui.screens.label import load_sheet

    iteration = load_sheet(paths, args.iteration).iteration
    return open_screens(paths, args, lambda app: app.open_label(iteration, alone=True))
