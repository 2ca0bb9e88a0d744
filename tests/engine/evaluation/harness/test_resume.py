"""An evaluation in a process of its own, killed by the system in the middle of a task, goes on at the item."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.benchmarks import write_task
from tests.fixtures.processes import ROOT
from tests.fixtures.resumable import measure
from tests.fixtures.untrained import write_untrained

pytestmark = pytest.mark.slow

ITEMS, KILLED_AFTER = 9, 5


def test_a_killed_evaluation_asks_the_model_only_what_it_had_not_answered(tmp_path: Path) -> None:
    model, task, war = tmp_path / "model", str(write_task(tmp_path)), tmp_path / "war"
    write_untrained(model)
    whole, items, said = measure(model, task, tmp_path / "calm", lambda _: None)
    assert len(items) == ITEMS
    command = [sys.executable, "-m", "tests.fixtures.resumable", str(model), task, str(war), str(KILLED_AFTER)]
    assert subprocess.run(command, cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"}).returncode == -signal.SIGKILL
    kept = (war / "colours.jsonl").read_text().splitlines()[1:]  # behind the line that names the policy
    left, *resumed = measure(model, task, war, lambda _: None)
    assert resumed == [items, said]
    assert 0 < len(kept) == whole - left < whole
