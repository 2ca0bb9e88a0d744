"""The screens: `pilothouse` alone opens home, `pilothouse attach` a run. Leaving them never stops a run."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import UsageError
from engine.records import LIVE_STATES
from engine.store.paths import RunPaths, find_run, list_runs
from engine.store.status import summary
from tui.commands.output import say

if TYPE_CHECKING:
    from tui.app import Pilothouse


def home(args: Namespace) -> int:
    return open_screens(None, args)


def attach(args: Namespace) -> int:
    return open_screens(find_run(args.run) if args.run else _live_run(), args)


def _live_run() -> RunPaths:
    """The live run that started last."""
    live = [(row["started"], paths) for paths in list_runs() if (row := summary(paths))["state"] in LIVE_STATES]
    if not live:
        raise UsageError("no run is live here", remedy="pilothouse ls shows the runs; pilothouse attach RUN opens one")
    return max(live, key=lambda pair: pair[0])[1]


def has_terminal() -> bool:
    """Keys come from standard input; Textual draws on standard error, which leaves standard output free."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def require_terminal() -> None:
    if not has_terminal():
        raise UsageError(
            "the screens need a terminal, and there is none here",
            remedy="start with --no-attach, and look with pilothouse status RUN",
        )


def open_screens(
    paths: RunPaths | None, args: Namespace, on_ready: Callable[[Pilothouse], object] | None = None
) -> int:
    """Show the screens, `on_ready` telling which first, until they are left. 1 when the run that they show failed."""
    require_terminal()
    from tui.app import run_app

    readonly = getattr(args, "readonly", False)
    run_app(paths, readonly=readonly, ascii_only=args.ascii, theme=args.theme, on_ready=on_ready)
    if paths is None:
        return 0
    state = summary(paths)["state"]
    if state in LIVE_STATES:
        say(f"{paths.name} goes on without you.  Look again with: pilothouse attach {paths.name}")
    return 1 if state == "failed" else 0
