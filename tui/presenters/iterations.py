"""The table of iterations: a row each, the goal and KL first, what was decided last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.records import KL, REWARD_ACCURACY, WIN_RATE, Decision, Iteration, Metric, Settings
from tui.presenters.cell import MISSING, Cell, Tone
from tui.presenters.names import capabilities, short
from tui.presenters.numbers import number, setting

Iterations = tuple[Iteration, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """`drop` 0 stays for ever, the highest leaves a narrow table first; `flexible` text may be cut, a number never."""

    key: str
    title: str
    right: bool = False
    drop: int = 0
    flexible: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class _Scene:
    by_index: Mapping[int, Iteration]
    best: int | None
    kl_limit: float
    in_force: Settings


def iteration_table(
    iterations: Iterations, best: int | None, kl_limit: float, in_force: Settings | None = None
) -> Grid:
    """A row an iteration; of the columns that a narrow table cannot show, extra capabilities leave first."""
    columns = _columns(iterations)
    scene = _Scene({one.index: one for one in iterations}, best, kl_limit, in_force or {})
    return Grid(columns, tuple(tuple(_cell(column.key, one, scene) for column in columns) for one in iterations))


def decided(decision: Decision | None) -> str:
    """A decision in two or three words: `accepted`, `rolled back to 1`, `finished with 2`."""
    if decision is None:
        return ""
    to = "" if decision.to is None else f" to {decision.to}"
    words = {"accept": "accepted", "rollback": f"rolled back{to}", "retry": "retried", "finish": "finished"}
    return words.get(decision.action, decision.action) + (", edited" if decision.edited else "")


def _columns(iterations: Iterations) -> tuple[Column, ...]:
    able = capabilities(iterations)
    rewarded = any(REWARD_ACCURACY in one.metrics for one in iterations)
    return (
        Column("index", "#", right=True),
        Column("parent", "parent", right=True, drop=3),
        Column(WIN_RATE, "win rate"),
        Column(KL, "KL"),
        *((Column(REWARD_ACCURACY, "reward model", drop=2),) if rewarded else ()),
        *(Column(name, short(name), drop=2 + rank) for rank, name in enumerate(able)),
        Column("beta", "beta", right=True, drop=4),
        Column("learning_rate", "lr", right=True, drop=5),
        Column("decision", "decision"),
    )


def _cell(key: str, one: Iteration, scene: _Scene) -> Cell:
    match key:
        case "index":
            best = one.index == scene.best
            return Cell(f"{'•' if best else ''}{one.index}", "good" if best else "bold")
        case "parent":
            return MISSING if one.parent is None else Cell(str(one.parent))
        case "beta" | "learning_rate":
            return _setting(key, one, scene.in_force)
        case "decision":
            return _outcome(one, one.index == scene.best)
        case "kl_divergence":
            return _kl(one, scene.kl_limit)
        case "win_rate_vs_baseline":
            return _win_rate(one, None if one.parent is None else scene.by_index.get(one.parent))
        case _:
            return _capability(key, one)


def _setting(key: str, one: Iteration, in_force: Settings) -> Cell:
    """The planned value, or the one in force where the operator changed it live."""
    if one.index == 0:
        return MISSING
    planned = one.config.get(key)
    changed = in_force.get(key, planned) if one.status == "running" else planned
    if changed != planned:
        return Cell(setting(changed), "warn")
    return MISSING if planned is None else Cell(setting(planned))


def _outcome(one: Iteration, best: bool) -> Cell:
    if one.status == "failed":
        return Cell("failed", "bad")
    if one.status == "running":
        return Cell("running", "run")
    if one.index == 0:
        return Cell("baseline", "dim")
    if one.decision is None:
        return Cell("at the gate", "warn")
    tone: Tone = "good" if best else "dim" if one.decision.action in {"rollback", "retry"} else ""
    return Cell(f"best, {decided(one.decision)}" if best else decided(one.decision), tone)


def _win_rate(one: Iteration, parent: Iteration | None) -> Cell:
    mine = _measured(one, WIN_RATE)
    if mine is None:
        return Cell("") if one.status == "running" else MISSING
    before = None if parent is None else _measured(parent, WIN_RATE)
    if before is None or mine == before:
        return Cell(number(mine), "dim" if one.index == 0 else "")
    return Cell(f"{number(mine)} ▲", "good") if mine > before else Cell(f"{number(mine)} ▼", "bad")


def _kl(one: Iteration, limit: float) -> Cell:
    mine = _measured(one, KL)
    if mine is None:
        return Cell("") if one.status == "running" else MISSING
    return Cell(number(mine), "bad" if mine > limit else "dim" if one.index == 0 else "")


def _capability(name: str, one: Iteration) -> Cell:
    mine = _measured(one, name)
    if mine is None:
        return Cell("") if one.status == "running" else MISSING
    return Cell(f"{number(mine)}{_mark(name, one)[0]}", _mark(name, one)[1])


def _mark(name: str, one: Iteration) -> tuple[str, Tone]:
    """What this iteration's own gate found about a metric: a regression confirmed is red, a suspected one amber."""
    for weakness in one.assessment.weaknesses if one.assessment else ():
        if weakness.metric == name:
            return (" ▼", "bad") if weakness.evidence in {"confirmed", "off"} else (" ?", "warn")
    return "", ""


def _measured(one: Iteration, name: str) -> float | None:
    metric: Metric | None = one.metrics.get(name)
    return metric.value if metric is not None and metric.measured else None
