"""A run as one JSON object: `pilothouse status` in full, a row of `pilothouse ls` in short. A broken run is one too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from engine.errors import StoreError
from engine.records import LIVE_STATES, Iteration, Pulse, as_json
from engine.store.charge import charged_to, spent
from engine.store.lock import Liveness, liveness
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from engine.store.rows import Gate, RunInfo

STARTING_S = 15.0  # a run this young whose engine has not come up is starting, not lost

_NOTHING: dict[str, Any] = {
    "iteration": None, "stage": "", "step": 0, "max_steps": 0, "unit": "step", "eta_s": None, "heartbeat_age_s": None,
    "best": None, "started": 0.0,
}  # fmt: skip


def status(paths: RunPaths, clock: Callable[[], float] = time.time) -> dict[str, Any]:
    """All that is known of a run, as plain JSON. Never raises: a broken run is "unreadable", and `fault` says why."""
    try:
        with Reader(paths.ledger) as reader:
            return _head(paths, reader, clock) | _body(reader)
    except StoreError as error:
        empty: dict[str, Any] = {
            "config": {},
            "metrics": {},
            "in_force": {},
            "memory": None,
            "gate": None,
            "iterations": [],
            "judging": {},
        }
        return _unreadable(paths, error) | empty


def summary(paths: RunPaths, clock: Callable[[], float] = time.time) -> dict[str, Any]:
    """The head of `status`, with `iterations` their number and `waiting_s` since the open gate opened. Milliseconds."""
    try:
        with Reader(paths.ledger) as reader:
            gate = reader.gate()
            waiting = clock() - gate.opened if gate and gate.decision is None else None
            count = len(reader.iterations())
            return _head(paths, reader, clock) | {"iterations": count, "waiting_s": waiting}
    except StoreError as error:
        return _unreadable(paths, error) | {"iterations": 0, "waiting_s": None}


def derived_state(info: RunInfo, life: Liveness, now: float) -> str:
    """The recorded state, or `lost`: it says that an engine is at work, and there is none."""
    if info.state not in LIVE_STATES or life.verdict not in ("dead", "orphan"):
        return info.state
    young = info.attempts == 0 and now - info.started < STARTING_S
    return "starting" if young else "lost"


def _head(paths: RunPaths, reader: Reader, clock: Callable[[], float]) -> dict[str, Any]:
    info, pulse, life = reader.state(), reader.pulse(), liveness(paths, clock)
    state = derived_state(info, life, clock())
    return {
        "name": paths.name,
        "state": state,
        "fault": _fault(info, life, state),
        "engine": life.verdict,
        "path": str(paths.root),
        **_where(pulse),
        "heartbeat_age_s": life.beat_age_s,
        "started": info.started,
        "best": _best(info, reader.gate()),
    }


def _where(pulse: Pulse | None) -> dict[str, Any]:
    if pulse is None:
        return {key: _NOTHING[key] for key in ("iteration", "stage", "step", "max_steps", "unit", "eta_s")}
    return {
        "iteration": pulse.iteration, "stage": pulse.stage, "step": pulse.step, "max_steps": pulse.max_steps,
        "unit": pulse.unit, "eta_s": pulse.eta_s,
    }  # fmt: skip


def _fault(info: RunInfo, life: Liveness, state: str) -> str:
    if state == "lost":
        kept = (
            "a worker that it left behind still holds its lock" if life.verdict == "orphan" else "nothing saved is lost"
        )
        return f"its engine ended without a word ({kept}); `pilothouse resume` goes on"
    return info.fault


def _best(info: RunInfo, gate: Gate | None) -> int | None:
    if info.best is not None or gate is None:
        return info.best
    return gate.assessment.best


def _body(reader: Reader) -> dict[str, Any]:
    pulse, iterations, gate = reader.pulse(), reader.iterations(), reader.gate()
    newest = iterations[-1] if iterations else None
    intervals = reader.charged()
    return {
        "config": as_json(newest.config) if newest else {},
        "in_force": as_json(pulse.in_force) if pulse else {},
        "metrics": as_json(_latest(reader, iterations)),
        "memory": as_json(pulse.memory) if pulse else None,
        "gate": _gate(gate),
        "iterations": [_row(it) | {"charged_s": charged_to(it, intervals)} for it in iterations],
        "spent": as_json(spent(intervals, iterations)),
        "judging": reader.judging(),
    }


def _latest(reader: Reader, iterations: tuple[Iteration, ...]) -> dict[str, float | None]:
    """The last value by name: of what streams in while training, and of the newest evaluation."""
    evaluated = [iteration for iteration in iterations if iteration.metrics][-1:]
    of_gate = {name: metric.value for iteration in evaluated for name, metric in iteration.metrics.items()}
    return {**of_gate, **reader.latest()}


def _gate(gate: Gate | None) -> dict[str, Any] | None:
    """The open gate; a decided one is in its iteration's row."""
    if gate is None or gate.decision is not None:
        return None
    said: dict[str, Any] = as_json(gate.assessment)
    return {
        "iteration": gate.iteration,
        "opened": gate.opened,
        "verdict": said["verdict"],
        "reasons": said["verdict"]["reasons"],
        "weaknesses": said["weaknesses"],
        "proposal": said["proposal"],
    }


def _row(iteration: Iteration) -> dict[str, Any]:
    whole: dict[str, Any] = as_json(iteration)
    del whole["assessment"]
    for metric in whole["metrics"].values():
        del metric["items"], metric["categories"], metric["name"]
    return whole


def _unreadable(paths: RunPaths, error: StoreError) -> dict[str, Any]:
    head = {"name": paths.name, "state": "unreadable", "fault": str(error), "path": str(paths.root)}
    return head | {"engine": liveness(paths).verdict} | _NOTHING
