"""`pilothouse demo`, `run` and `resume`: a run directory and a detached engine, then the screens on it.

Everything that can be wrong with a request is found before the run directory is made.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from threading import Thread

from engine.errors import BusyError, DecisionError, PilothouseError, StoreError, UsageError
from engine.store.lock import Liveness, liveness
from engine.store.paths import RunPaths, find_run, unused_name
from engine.store.reader import Reader
from engine.store.rows import RunInfo
from tui.client import Client, start_engine
from tui.commands.attach import open_screens, require_terminal
from tui.commands.output import Status, say
from tui.planner import Planner, plan_started

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
_START_S = 10.0
_GONE_S = 3.0
_PLAN_S = 30.0
_POLL_S = 0.05


def demo(args: Namespace) -> int:
    recipe = "" if args.recipe == "dpo" else f"{args.recipe}-"
    config = CONFIGS / f"demo-{recipe}{args.scenario}.yaml"
    if not config.is_file():
        raise UsageError(f"the demo's config is missing: {config}", remedy="run from a clone that has its configs/")
    return _start(config, args.name or unused_name(f"demo-{recipe}".rstrip("-")), args)


def run(args: Namespace) -> int:
    config = Path(args.config)
    return _start(config, args.name or unused_name(config.stem), args)


def _start(source: Path, name: str, args: Namespace) -> int:
    from tui.commands.inputs import new_run  # pydantic: not for `resume`

    if not args.no_attach:
        require_terminal()
    decide = [] if args.decide is None else [f"decide={args.decide}"]
    told: list[str] = []
    with Status(sys.stderr) as status:

        def tell(words: str) -> None:
            told.append(words)
            status(words)

        paths = new_run(source, name, [*args.settings, *decide], tell)
    say(*told[-1:])
    return _launch(paths, args)


def resume(args: Namespace) -> int:
    """Refused while an engine holds the run (75) and when there is nothing left to do (2)."""
    paths = find_run(args.run)
    if not args.no_attach:
        require_terminal()
    life = _settled(paths)
    if life.verdict == "orphan":
        raise BusyError(
            f"the engine of {paths.name} is gone, but a worker of it still holds the lock",
            remedy=f"end that process first: it has {paths.lock} open",
        )
    if life.verdict != "dead":
        raise BusyError(
            f"{paths.name} has an engine already: process {life.pid} on {life.host} ({life.verdict})",
            remedy=f"look at it with: pilothouse attach {paths.name}",
        )
    if recorded(paths).state == "completed":
        raise DecisionError(f"{paths.name} is completed: nothing is left to resume")
    return _launch(paths, args)


def _launch(paths: RunPaths, args: Namespace) -> int:
    before = recorded(paths).attempts
    start_engine(paths)
    if not args.no_attach:
        return open_screens(paths, args, lambda app: app.plan_run())
    _await_engine(paths, before)
    say(f"{paths.name} is running.", f"  pilothouse attach {paths.name}", f"  pilothouse status {paths.name}")
    _plan(paths)
    return 0


def _plan(paths: RunPaths) -> None:
    """Write the plan that the gate holds against what was measured, as screens do that stay with a run.

    The run has begun, and goes on without a plan where one takes too long or anything is wrong with it.
    """
    planner = Planner()

    def plan() -> None:
        with suppress(PilothouseError, OSError, ValueError):  # ValueError: the simulator was closed while it was asked
            plan_started(planner, paths)

    planning = Thread(target=plan, daemon=True)
    planning.start()
    with suppress(KeyboardInterrupt), Status(sys.stderr) as status:
        status("planning its memory; Ctrl-C leaves that out")
        planning.join(_PLAN_S)
    planner.close()


def _settled(paths: RunPaths) -> Liveness:
    """A killed engine holds its lock until the kernel has taken it apart: give that a moment."""
    deadline = time.monotonic() + _GONE_S
    while (life := liveness(paths)).verdict == "orphan" and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return life


def recorded(paths: RunPaths) -> RunInfo:
    with Reader(paths.ledger) as reader:
        return reader.state()


def _await_engine(paths: RunPaths, attempts: int) -> None:
    """The engine takes the lock before it imports anything heavy, so a healthy one shows itself within a second."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if liveness(paths).verdict != "dead" or recorded(paths).attempts > attempts:
            return
        time.sleep(_POLL_S)
    words = "\n  ".join(Client(paths).last_words())
    raise StoreError(f"the engine of {paths.name} did not start", remedy=words or f"see {paths.engine_log}")
