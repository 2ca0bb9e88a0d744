"""Hand over the selected iteration: evaluated once more at full size beside the baseline, as files that stand alone.

In: an iteration. Out: `final/` with the adapter (PEFT and transformers load it as it is), `evaluation.json` for it and
`baseline.json`, both with no limit on prompts, and samples. Which iteration is selected was decided before.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

from engine.config import RunConfig
from engine.data.build import build_task
from engine.data.task import Task
from engine.evaluation.evaluate import evaluate
from engine.evaluation.outcome import Evaluation
from engine.stages.aboard import aboard
from engine.stages.evaluate import read_evaluation, write_evaluation
from engine.stages.job import Job
from engine.store.atomic import staged, verify, write_json

NO_LIMIT = 1_000_000_000


def run(job: Job) -> dict[str, Any]:
    """`job` is the selected iteration's. Safe to call again: a whole `final/` is left as it is."""
    job.helm.enter(job.index, "final", "sequence", promise_s=300)
    if job.paths.final.exists():
        verify(job.paths.final)
        return {"path": job.paths.final.name}
    baseline, selected = _evaluations(job)
    with staged(job.paths.final) as folder:
        shutil.copytree(job.paths.iteration(job.index) / "adapter", folder / "adapter")
        model = job.paths.iteration(0) / "model"
        if model.exists():  # the demo's base is in no hub
            shutil.copytree(model, folder / "model")
        write_evaluation(folder, selected)
        write_json(folder / "baseline.json", baseline.as_json())
    job.say("final", f"iteration {job.index} is the result: {job.paths.final.name}/adapter", "good")
    return {"path": job.paths.final.name}


def _evaluations(job: Job) -> tuple[Evaluation, Evaluation]:
    """The baseline's and the selected iteration's, at full size; taken over where they already were at full size."""
    config = without_limits(job.config)
    task = build_task(config, job.resident, aboard(job.paths, config, job.resident))
    if _size(task) == _size(job.task):
        job.say("final.evaluation", "every held-out prompt was in each evaluation already: its results stand")
        return read_evaluation(job.paths, 0), read_evaluation(job.paths, job.index)
    full = replace(job, config=config, task=task)
    baseline = _measure(full, 0, None)
    return baseline, _measure(full, job.index, baseline) if job.index else baseline


def _measure(job: Job, index: int, baseline: Evaluation | None) -> Evaluation:
    job.resident.load_policy(job.paths.iteration(index) / "adapter")
    return evaluate(
        job.resident,
        job.task,
        job.config,
        baseline=baseline,
        capability=job.capability,
        progress=job.helm.progress,
    )


def without_limits(config: RunConfig) -> RunConfig:
    """The config with evaluation on every held-out prompt there is."""
    return config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"prompts": NO_LIMIT})})


def _size(task: Task) -> tuple[int, int, int]:
    return len(task.eval_prompts), len(task.held_out_pairs), len(task.held_out_text)
