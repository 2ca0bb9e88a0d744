"""The whole way as a person goes it: the demo from the command line, killed once, decided twice, to its log."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.store.lock import liveness
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from engine.store.status import status
from tui.cli import main

pytestmark = pytest.mark.slow

SMALL = [
    f"--set={assignment}"
    for assignment in (
        "max_steps=40", "checkpoint_steps=10", "data.prompts=40", "data.completions=4",
        "evaluation.prompts=8", "evaluation.completions=2",
    )
]  # fmt: skip


@pytest.fixture
def paths(runs: Path) -> Iterator[RunPaths]:
    """Where the demo will be; whatever engine still runs there is ended afterwards."""
    run = RunPaths(runs / "demo")
    yield run
    if run.root.exists() and (engine := liveness(run)).verdict != "dead" and engine.pid:
        os.kill(engine.pid, signal.SIGKILL)


def until(paths: RunPaths, condition: Callable[[dict[str, Any]], bool], timeout: float = 150) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition(now := status(paths)):
            return now
        if now["state"] == "failed":
            break
        time.sleep(0.05)
    pytest.fail(f"never: {now['state']} {now['fault']}\n{paths.engine_log.read_text()[-2000:]}")


def trained_steps(paths: RunPaths, iteration: int) -> int:
    """Steps of an iteration's training on record: unlike a stage, which a slow reader can miss, they stay."""
    with Reader(paths.ledger) as reader:
        return sum("loss" in row.values for row in reader.rows_since(0) if row.iteration == iteration)


def test_a_demo_from_the_command_line_to_its_log(paths: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--no-attach", *SMALL]) == 0
    until(paths, lambda now: now["state"] == "awaiting_decision")
    assert main(["resume", "demo", "--no-attach"]) == 75
    assert main(["control", "demo", "set", "beta=0.5"]) == 2
    assert main(["decide", "demo", "retry", "--set", "beta=0.4", "--why", "again, closer"]) == 0

    until(paths, lambda _: trained_steps(paths, 2) >= 12)
    engine = liveness(paths).pid
    assert engine is not None
    os.kill(engine, signal.SIGKILL)
    assert until(paths, lambda now: now["state"] == "lost")["iteration"] == 2
    assert main(["resume", "demo", "--no-attach"]) == 0

    gate = until(paths, lambda now: now["state"] == "awaiting_decision" and now["iteration"] == 2)
    assert (gate["iterations"][2]["parent"], gate["iterations"][2]["config"]["beta"]) == (0, 0.4)
    assert main(["decide", "demo", "finish"]) == 0
    until(paths, lambda now: now["state"] == "completed" and now["engine"] == "dead")
    assert main(["resume", "demo", "--no-attach"]) == 2

    capsys.readouterr()
    assert main(["log", "demo"]) == 0
    told = capsys.readouterr().out
    assert "again, closer" in told
    assert "Selected" in told
    assert main(["log", "demo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert paths.log.read_text("utf-8").strip() == told.strip()
