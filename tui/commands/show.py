"""`pilothouse ls`, `status` and `log`: what is on record, for a person or as JSON. They only read."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.records import KL, WIN_RATE, Assessment, Memory
from engine.store.paths import find_run, list_runs, runs_root
from engine.store.status import status as read_status
from engine.store.status import summary
from tui.commands.judge import findings, verdict
from tui.commands.output import emit, say, table
from tui.presenters.names import short
from tui.presenters.numbers import number, setting

Row = Mapping[str, Any]
_SHOWN_SETTINGS = ("beta", "learning_rate", "max_steps")
_OF_TRAINING = ("loss", "rewards/accuracies", "rewards/margins", "kl_probe")


def ls(args: Namespace) -> int:
    rows = [summary(paths) for paths in list_runs()]
    if args.json:
        emit(rows)
    elif rows:
        say(*table(("name", "state", "where", ">best", "note"), map(_line, rows)))
    else:
        say(f"No runs in {runs_root()}. Start one with: pilothouse demo")
    return 0


def status(args: Namespace) -> int:
    row = read_status(find_run(args.run))
    if args.json:
        emit(row)
    else:
        say(*_report(row))
    return 1 if row["state"] == "unreadable" else 0


def log(args: Namespace) -> int:
    from engine.report import iteration_log, log_json

    paths = find_run(args.run)
    if args.json:
        emit(log_json(paths))
    else:
        say(iteration_log(paths).rstrip())
    return 0


def _line(row: Row) -> tuple[str, ...]:
    best = "" if row["best"] is None else str(row["best"])
    return (row["name"], row["state"].replace("_", " "), _where(row), best, row["fault"])


def _where(row: Row) -> str:
    """`iteration 2 · dpo 31/40`; for a run that has not begun or is over, nothing."""
    if row["iteration"] is None or row["state"] == "completed":
        return ""
    done = f" {row['step']}/{row['max_steps']}" if row["max_steps"] else ""
    return f"iteration {row['iteration']}" + (f" · {row['stage']}{done}" if row["stage"] else "")


def _report(row: Row) -> Iterator[str]:
    fault = f": {row['fault']}" if row["fault"] else ""
    yield f"{row['name']}: {row['state'].replace('_', ' ')}{fault}"
    yield from (f"{name:9}  {text}" for name, text in _facts(row) if text)
    if row["iterations"]:
        yield ""
        yield from table(*_iterations(row["iterations"]))
    if row["gate"]:
        yield from _gate(row["gate"], row["name"])


def _facts(row: Row) -> Iterator[tuple[str, str]]:
    from tui.widgets.words import duration

    eta = f" · {duration(row['eta_s'])} to go" if row["eta_s"] else ""
    yield "where", _where(row) + eta
    yield "settings", _settings({**row["config"], **row["in_force"]})
    training = {name: row["metrics"][name] for name in _OF_TRAINING if name in row["metrics"]}
    yield "training", " · ".join(f"{name} {number(value)}" for name, value in training.items())
    yield "memory", _memory(Memory.parse(row["memory"])) if row["memory"] else ""
    yield "best", "" if row["best"] is None else f"iteration {row['best']}"


def _settings(config: Row) -> str:
    return " · ".join(f"{name} {setting(config[name])}" for name in _SHOWN_SETTINGS if name in config)


def _memory(memory: Memory) -> str:
    from tui.widgets.words import gib

    return f"{memory.name}: {gib(memory.used)} of {gib(memory.total)} used, headroom {gib(memory.headroom)}"


def _iterations(rows: Sequence[Row]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    capable = list(
        dict.fromkeys(name for row in rows for name, one in row["metrics"].items() if one["group"] == "capability")
    )
    names = [WIN_RATE, KL, *capable[:3]]
    header = (">#", ">parent", "decision", *(f">{short(name)}" for name in names), ">beta", ">learning rate")
    return header, [_iteration(row, names) for row in rows]


def _iteration(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    measured = [number((row["metrics"].get(name) or {}).get("value")) for name in names]
    standing = row["decision"]["action"] if row["decision"] else row["status"]
    settings = [setting(row["config"].get(name)) if row["index"] else "" for name in ("beta", "learning_rate")]
    return (str(row["index"]), "" if row["parent"] is None else str(row["parent"]), standing, *measured, *settings)


def _gate(gate: Row, name: str) -> Iterator[str]:
    assessment = Assessment.parse({"index": gate["iteration"], "converged": False, "best": None, **gate})
    yield ""
    yield f"Iteration {assessment.index} waits for a decision. Recommended: {verdict(assessment)}"
    yield from findings(assessment)
    yield f"  pilothouse decide {name} accept|retry|finish|rollback"
