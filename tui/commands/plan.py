"""`pilothouse plan`: what a run will need of a card, before there is a run; no GPU and no weights are needed.

Standard output has the answer, each part as soon as it is known, or with --json one document at the end. What is being
simulated is told on standard error, where that is a terminal.
"""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from engine.config import RunConfig, load_config
from engine.errors import StoreError
from engine.memory.planning.answer import Answer, Simulates, answers, document
from engine.memory.planning.pool import Simulators
from engine.memory.planning.residual import Residual, residual
from engine.memory.planning.room import Rooms, find_rooms
from engine.store.paths import list_runs
from engine.store.plans import read_plan
from engine.store.reader import Reader
from tui.commands.inputs import settle_model
from tui.commands.output import Status, emit, say
from tui.presenters import plan as words

_NARROWEST, _WIDEST = 80, 100
_PLAIN = str.maketrans({"→": "->", "×": "x", "−": "-", "…": "..."})


def plan(args: Namespace) -> int:
    """0 whether or not it fits: the answer says. Raises UsageError, ConfigError, PlanError."""
    config = settle_model(load_config(Path(args.config), args.settings), args.config)
    rooms = find_rooms(args.card or config.memory.card)
    with Simulators() as simulators:
        show(args, config, rooms, simulators.simulate, simulators.count)
    return 0


def show(args: Namespace, config: RunConfig, rooms: Rooms, simulate: Simulates, at_once: int = 1) -> None:
    """Answer and print; every part of it comes from `simulate`, which is asked so many questions at once."""
    with Status(sys.stderr) as status:
        found = answers(
            args.config, config, rooms, simulate, exact=args.exact, residuals=earlier(), tell=status, at_once=at_once
        )
        if args.json:
            *_, last = found
            status.clear()
            emit(document(last))
        else:
            _print(args, config, found, status)


def earlier() -> Iterator[Residual]:
    """What the runs here were planned to allocate, and did: of those that have a plan and a card."""
    for paths in list_runs():
        with suppress(StoreError):  # a run that cannot be read has nothing to say here
            plan = read_plan(paths)
            if plan:
                with Reader(paths.ledger) as reader:
                    pulse = reader.pulse()
                if pulse and pulse.memory and (found := residual(plan, pulse.memory)):
                    yield found


def _print(args: Namespace, config: RunConfig, found: Iterable[Answer], status: Status) -> None:
    width = min(max(shutil.get_terminal_size((80, 24)).columns, _NARROWEST), _WIDEST)

    def put(*lines: str) -> None:
        say(*(line.translate(_PLAIN) if args.ascii else line for line in lines))
        sys.stdout.flush()  # each part is seen while the next is computed

    put(*words.heading(Path(args.config).name, config), "")
    for answer in found:
        status.clear()
        room = answer.rooms.room
        if answer.limits and room:
            put("", *words.limits(answer.limits, room))
        elif answer.savings is not None:
            put("", *words.savings(answer.savings, room, answer.plan, width))
        else:
            put(*words.summary(answer, width, args.ascii))
    put("", words.footer(answer.plan))
