"""What operators said of pairs: labels and quarantines, as they stand in `control.db`.

They are commands like any other, durable before the key returns and from many hands, with or without an engine:

    label       {"pair": id, "choice": "1" | "2" | "tie" | "skip" | "bad" | "undo", "first": "chosen" | "rejected",
                 "iteration": k}    `first` is the side that stood first on the operator's screen, `undo` takes one back
    quarantine  {"pair": id, "on": true | false, "iteration": k}

They change no training that runs: the next manifest is built from what these functions return. Rows that make no sense
(a stranger's file, a newer version) are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, get_args

from engine.records import Choice, Label
from engine.store.database import open_control_reader, sql_errors
from engine.store.paths import RunPaths
from engine.text import one_line

MAX_OPINIONS = 1_000_000
_CHOICES, _SIDES = frozenset(get_args(Choice)), ("chosen", "rejected")


def labels(paths: RunPaths) -> tuple[Label, ...]:
    """The label in force of every (pair, operator), in the order in which they were given.

    An `undo` takes back that operator's last label of that pair, and the one before it, if any, is in force again.
    Raises CorruptError, StoreError.
    """
    given: dict[tuple[str, str], list[tuple[int, Label]]] = {}
    for order, label in enumerate(filter(None, (_label(*row) for row in _said(paths, "label")))):
        stack = given.setdefault((label.pair, label.who), [])
        if label.choice != "undo":
            stack.append((order, label))
        elif stack:
            stack.pop()
    in_force = sorted((stack[-1] for stack in given.values() if stack), key=lambda entry: entry[0])
    return tuple(label for _, label in in_force)


def quarantined(paths: RunPaths) -> frozenset[str]:
    """The ids of the pairs that are kept out of every manifest to come; the last word on a pair counts, whoever's.

    Raises CorruptError, StoreError.
    """
    on: dict[str, bool] = {}
    for arg, _, _ in _said(paths, "quarantine"):
        pair = arg.get("pair")
        if isinstance(pair, str) and isinstance(arg.get("on"), bool):
            on[one_line(pair, 64)] = arg["on"]
    return frozenset(pair for pair, out in on.items() if out)


def _said(paths: RunPaths, kind: str) -> Iterator[tuple[dict[str, Any], str, float]]:
    """What was said, who by and when, oldest first. The file is closed before the first is handed out."""
    if not paths.control.exists():
        return
    with closing(open_control_reader(paths.control)) as db, sql_errors(paths.control):
        query = "SELECT arg, who, t FROM command WHERE kind = ? ORDER BY id LIMIT ?"
        rows = db.execute(query, (kind, MAX_OPINIONS)).fetchall()
    for raw, who, t in rows:
        try:
            arg = json.loads(raw)
        except (TypeError, ValueError, RecursionError):
            continue
        if isinstance(arg, dict) and isinstance(who, str) and isinstance(t, float):
            yield arg, one_line(who, 100), t


def _label(arg: dict[str, Any], who: str, t: float) -> Label | None:
    pair, choice, first, iteration = (arg.get(key) for key in ("pair", "choice", "first", "iteration"))
    if not (isinstance(pair, str) and isinstance(choice, str) and isinstance(iteration, int)):
        return None
    if choice not in _CHOICES or first not in _SIDES:
        return None
    return Label(one_line(pair, 64), choice, first, who, t, iteration)  # type: ignore[arg-type]
