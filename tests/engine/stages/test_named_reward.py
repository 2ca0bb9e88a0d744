"""A reward model that the config names: the whole recipe goes by it, and no slot is made for one of our own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.data.task import Pair, Prompt
from engine.data.world import corpus
from engine.evaluation.evaluate import evaluate
from engine.models.resident import Resident
from engine.models.slots import REWARD, SFT, Slots
from engine.records import ALIGNMENT_SCORE, TRAINING_JUDGE
from engine.stages import evaluate as evaluation
from engine.stages import harvest, ppo, reward
from engine.stages.evaluations import write_evaluation
from engine.stages.job import Job
from engine.stages.pairs import BEST, EXAMPLES, write_examples
from engine.stages.proxy import nothing_yet
from engine.store.atomic import staged
from tests.fixtures.jobs import first_job, rows, run_stage, small_task
from tests.fixtures.reward_model import write_reward_model

pytestmark = pytest.mark.slow

CONFIG = """
recipe: rlhf
data: {{source: file, path: pairs.jsonl, near_duplicate: 1, min_pairs: 4}}
reward: {{model: {model}, min_accuracy: 0}}
training: {{beta: 0.1, learning_rate: 1e-3, max_steps: 2, batch_size: 8, max_length: 64, checkpoint_steps: 2}}
ppo: {{rollouts: 8, minibatch: 8, epochs: 1, max_new_tokens: 6, check_every: 2, check_prompts: 4, value_warmup: 1}}
harvest: {{prompts: 8, completions: 2, bar: -100}}
evaluation: {{prompts: 4, completions: 2, max_new_tokens: 6, kl_probe_share: 0}}
"""


@pytest.fixture
def job(runs: Path, resident: Resident, pairs: list[Pair], tmp_path: Path) -> Job:
    """Iteration 1 after its SFT, beside a measured baseline."""
    write_reward_model(tmp_path / "classifier")
    asks = tuple(Prompt(prompt) for prompt, _ in corpus.split().held_out[:4])
    task = replace(small_task(pairs, pairs[:12]), eval_prompts=asks)
    made = first_job(CONFIG.format(model=tmp_path / "classifier"), resident, task)
    write_evaluation(made.paths.iteration(0), evaluate(resident, task, made.config, baseline=None, rewards=nothing_yet))
    with Slots(resident, SFT) as slots, staged(made.work / SFT) as folder:
        slots.save(SFT, folder)
    write_examples(made.work / EXAMPLES, [])
    return made


def test_it_grades_trains_evaluates_and_filters(job: Job) -> None:
    assert run_stage(job, "reward", reward.run)["steps"] == 0
    assert run_stage(job, "ppo", ppo.run)["steps"] == 2
    assert len(rows(job, "objective/rlhf_reward")) == 2
    run_stage(job, "evaluate", evaluation.run)
    metrics = json.loads((job.work / "evaluation.json").read_text())["metrics"]
    assert metrics[TRAINING_JUDGE]["value"] not in (None, 0.0)
    assert ALIGNMENT_SCORE in metrics
    kept = run_stage(job, "filter", harvest.run)
    assert kept["samples"] == 16
    assert kept["best"] == len((job.work / BEST).read_text().splitlines())
    assert {path.name for path in (job.work / REWARD).iterdir() if path.suffix == ".safetensors"} == set()
