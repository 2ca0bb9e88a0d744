"""The rlhf recipe as a real process on a tiny random model: from pairs to a policy, through kills, to a second SFT."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file

from engine.data.world import corpus
from engine.models.resident import WEIGHTS
from engine.records import ALIGNMENT_SCORE, REWARD_ACCURACY, REWARD_VARIANCE, TRAINING_JUDGE
from engine.store.paths import create_run
from engine.store.reader import Reader
from tests.fixtures.engines import Run
from tests.fixtures.untrained import write_untrained

pytestmark = pytest.mark.slow

CONFIG = """
recipe: rlhf
model: {{name: {model}, device: cpu}}
data: {{source: file, path: {pairs}, min_pairs: 4, held_out: 0.2}}
sft: {{max_steps: 2, batch_size: 4, learning_rate: 1e-3}}
reward: {{max_steps: 6, batch_size: 16, learning_rate: 5e-3, held_out: 16, checkpoint_steps: 6, min_accuracy: 0.1}}
training: {{beta: 0.1, learning_rate: 1e-3, max_steps: 10, batch_size: 8, max_length: 64, checkpoint_steps: 2}}
ppo: {{rollouts: 8, minibatch: 8, epochs: 1, max_new_tokens: 6, check_every: 4, check_prompts: 4, value_warmup: 1}}
harvest: {{prompts: 8, completions: 2, bar: -100}}
evaluation: {{prompts: 6, completions: 2, max_new_tokens: 8, kl_probe_share: 0}}
thresholds: {{kl: 100, critical_kl: 200}}
budget: {{iterations: 1}}
decide: ask
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_untrained(folder)
    rows = [
        {"prompt": text, "chosen": f" hello , please reset the {topic} .", "rejected": " ugh , whatever ."}
        for text, topic in corpus.split().train
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def new_run(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Run]]:
    monkeypatch.setenv("PILOTHOUSE_RUNS", str(tmp_path))
    runs: list[Run] = []

    def make(name: str) -> Run:
        text = CONFIG.format(model=model, pairs=model / "pairs.jsonl")
        runs.append(Run(create_run(name, text)))
        return runs[-1]

    yield make
    for run in runs:
        run.end()


def updates(run: Run) -> dict[int, float]:
    """What each of PPO's updates came to, by step."""
    with Reader(run.paths.ledger) as reader:
        return {
            row.step: row.values["objective/rlhf_reward"]
            for row in reader.rows_since(0)
            if "objective/rlhf_reward" in row.values
        }


def test_kill_9_in_ppo_changes_nothing(new_run: Callable[..., Run]) -> None:
    peace, war = new_run("peace"), new_run("war")
    peace.start()
    peace.reach("awaiting_decision")
    calm = updates(peace)
    assert list(calm) == [8 + n for n in range(1, 11)]
    peace.order("stop")

    engine = war.start()
    war.until(lambda: len(updates(war)) >= 3)
    engine.kill()
    engine.wait()
    assert len(updates(war)) < 10, "the kill came after PPO"
    war.start()
    war.reach("awaiting_decision")
    assert updates(war) == calm
    ours, theirs = war.iterations()[1].metrics, peace.iterations()[1].metrics
    assert {name: metric.value for name, metric in ours.items()} == {n: m.value for n, m in theirs.items()}
    assert {REWARD_ACCURACY, REWARD_VARIANCE, ALIGNMENT_SCORE, TRAINING_JUDGE} <= set(ours)

    place = war.paths.iteration(1)
    for name in ("adapter", "sft", "reward", "value"):
        assert (place / name / WEIGHTS).exists()
    assert load_file(place / "reward" / "head.safetensors").keys() == {"weight", "bias"}
    best = [json.loads(line) for line in (place / "best.jsonl").read_text().splitlines()]
    assert json.loads((place / "data.json").read_text())["best"]["examples"] == len(best)
