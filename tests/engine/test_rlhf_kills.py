"""kill -9 in every stage of rlhf, and between PPO's end and its record: the iteration is the one of a quiet run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.data.world import corpus
from engine.models.resident import WEIGHTS
from engine.models.slots import HEAD
from engine.store.paths import create_run
from tests.fixtures.engines import Run
from tests.fixtures.untrained import write_untrained

pytestmark = pytest.mark.slow

CONFIG = """
recipe: rlhf
model: {{name: {folder}, device: cpu}}
data: {{source: file, path: {folder}/pairs.jsonl, min_pairs: 4, held_out: 0.2}}
sft: {{max_steps: 3, batch_size: 4, learning_rate: 1e-3, checkpoint_steps: 1}}
reward: {{max_steps: 4, batch_size: 8, learning_rate: 5e-3, held_out: 16, checkpoint_steps: 2, min_accuracy: 0.01}}
training: {{beta: 0.1, learning_rate: 1e-3, max_steps: 4, batch_size: 8, max_length: 64, checkpoint_steps: 2}}
ppo: {{rollouts: 8, minibatch: 8, epochs: 1, max_new_tokens: 6, check_every: 2, check_prompts: 4, value_warmup: 1}}
harvest: {{prompts: 8, completions: 2, bar: -100}}
evaluation: {{prompts: 6, completions: 2, max_new_tokens: 8, kl_probe_share: 0}}
thresholds: {{kl: 100, critical_kl: 200}}
budget: {{iterations: 1}}
decide: ask
"""
DEATHS = ("row:2", "row:6", "row:10", "done:ppo", "batch:evaluate", "batch:filter")
"""Steps are the run's: SFT has 1 to 3, the reward model 4 to 7, PPO 8 to 11; each of these is one past a checkpoint."""


def test_kill_9_in_each_stage_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTHOUSE_RUNS", str(tmp_path / "runs"))
    folder = tmp_path / "model"
    folder.mkdir()
    _write_inputs(folder)
    peace, war = (Run(create_run(name, CONFIG.format(folder=folder))) for name in ("peace", "war"))
    try:
        _to_the_gate(peace)
        _to_the_gate(war, *DEATHS)
        assert war.losses() == peace.losses()
        assert list(peace.losses()) == list(range(1, 12))
        assert _measured(war) == _measured(peace)
        for name in _files():
            ours, theirs = (run.paths.iteration(1) / name for run in (war, peace))
            assert ours.read_bytes() == theirs.read_bytes(), name
    finally:
        peace.end()
        war.end()


def _write_inputs(folder: Path) -> None:
    write_untrained(folder)
    rows = [
        {"prompt": text, "chosen": f" hello , please reset the {topic} .", "rejected": " ugh , whatever ."}
        for text, topic in corpus.split().train
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _to_the_gate(run: Run, *deaths: str) -> None:
    """Start engines that die of these deaths; the last one comes to the gate and is stopped there."""
    with run.paths.engine_log.open("ab") as log:
        engine = subprocess.Popen(
            [sys.executable, "-m", "tests.fixtures.mortal", str(run.paths.root), *deaths],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
    run.engines.append(engine)
    run.until(lambda: engine.poll() is not None or run.status()["state"] == "awaiting_decision", timeout=300)
    assert engine.poll() is None, run.paths.engine_log.read_text()[-3000:]
    run.order("stop")
    engine.wait()


def _measured(run: Run) -> dict[str, float | None]:
    return {name: metric.value for name, metric in run.iterations()[1].metrics.items()}


def _files() -> list[str]:
    adapters = [f"{name}/{WEIGHTS}" for name in ("sft", "reward", "adapter", "value")]
    return [*adapters, f"reward/{HEAD}", f"value/{HEAD}", "sft.jsonl", "pairs.jsonl", "best.jsonl"]
