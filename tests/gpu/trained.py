"""One training by the engine on a model of random weights, and what its ledger says of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from engine.store.ledger import Ledger
from engine.store.paths import RunPaths, create_run
from engine.store.reader import Reader
from tests.gpu.check import _start_engine
from tests.gpu.watch import watch

LIMIT_S = 3600.0


@dataclass(frozen=True)
class Trained:
    """`tokens_per_s` between the first and the last logged step; `peak` and `reserved` of the training stage, in bytes
    (None off CUDA); `losses` a step; `told` what was said of memory that ran out.
    """

    state: str
    tokens_per_s: float
    peak: int | None
    reserved: int | None
    losses: tuple[float, ...]
    told: tuple[str, ...] = ()


def train(name: str, config: dict[str, Any], scratch: Path) -> Trained:
    """Run it to its end and read its ledger."""
    paths = create_run(name, yaml.safe_dump(config))
    engine = _start_engine(paths, scratch / f"{name}-peak.json")
    watched = watch(paths, None, LIMIT_S)
    engine.wait(120)
    return read(paths, watched.state)


def read(paths: RunPaths, state: str) -> Trained:
    with Reader(paths.ledger) as reader:
        rows = [row for row in reader.rows_since(0, 100_000) if row.iteration == 1 and "loss" in row.values]
        told = tuple(event.text for event in reader.events() if event.kind == "oom.split")
    with Ledger.open(paths) as ledger:
        memory = ledger.stages(1).get("dpo", {}).get("memory", {})
    marks = [(row.t, row.values["num_tokens"]) for row in rows]
    losses = tuple(row.values["loss"] for row in rows)
    return Trained(state, rate(marks), memory.get("allocated"), memory.get("reserved"), losses, told)


def rate(marks: list[tuple[float, float]]) -> float:
    """Tokens a second from (seconds, tokens so far), the first step left out as warm-up; 0 without two marks."""
    if len(marks) < 2 or marks[-1][0] <= marks[0][0]:
        return 0.0
    return (marks[-1][1] - marks[0][1]) / (marks[-1][0] - marks[0][0])
