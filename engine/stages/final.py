"""Hand over the selected iteration: evaluated once more at full size beside the baseline, as files that stand alone.

In: an iteration. Out: `final/` with the adapter (PEFT and transformers load it as it is), `evaluation.json` for it and
`baseline.json`, both with no limit on prompts or on a task's items, samples and answers. Which iteration is selected
was decided before. Killed, it goes on at the item: whole evaluations and harness answers wait in a work folder.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.config import RunConfig
from engine.data.build import build_task
from engine.data.task import Task
from engine.errors import CorruptError
from engine.evaluation.capability import Capability
from engine.evaluation.evaluate import evaluate
from engine.evaluation.outcome import Evaluation
from engine.stages import spending
from engine.stages.aboard import aboard
from engine.stages.desk import desk_of
from engine.stages.evaluations import write_evaluation
from engine.stages.job import Job
from engine.stages.proxy import rewarding
from engine.store.atomic import staged, verify, write_text
from engine.store.iterations import ANSWERS, EVALUATION, SAMPLES

NO_LIMIT = 1_000_000_000
BASELINE, SALT = "baseline.json", "salt"


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
        for name in (EVALUATION, SAMPLES, ANSWERS):
            if (selected / name).exists():  # an iteration of before had no answers
                shutil.copyfile(selected / name, folder / name)
        shutil.copyfile(baseline / EVALUATION, folder / BASELINE)
    shutil.rmtree(_scratch(job), ignore_errors=True)
    job.say("final", f"iteration {job.index} is the result: {job.paths.final.name}/adapter", "good")
    return {"path": job.paths.final.name}


def _evaluations(job: Job) -> tuple[Path, Path]:
    """Where the baseline's and the selected iteration's at full size are: their own, where these were at full size."""
    config = without_limits(job.config)
    task = build_task(config, job.resident, aboard(job.paths, config, job.resident))
    if _size(task) == _size(job.task) and config.evaluation.tasks == job.config.evaluation.tasks:
        job.say("final.evaluation", "every held-out prompt was in each evaluation already: its results stand")
        return job.paths.iteration(0), job.paths.iteration(job.index)
    full = replace(job, config=config, task=task, capability=Capability.of(config.evaluation))
    baseline = _measured(full, 0, None)
    return baseline, _measured(full, job.index, baseline) if job.index else baseline


def _measured(job: Job, index: int, baseline: Path | None) -> Path:
    """The folder of an evaluation at full size, made now unless an earlier attempt came to its end."""
    place, adapter = _scratch(job) / f"{index:03d}", job.paths.iteration(index) / "adapter"
    desk = desk_of(job, adapter, _scratch(job) / f"answers-{index:03d}")
    if _stands(place, desk.salt):
        return place
    shutil.rmtree(place, ignore_errors=True)
    who, prompts = f"iteration {index}" if index else "the baseline", len(job.task.eval_prompts)
    job.say("final.evaluation", f"{who} at full size: {prompts} held-out prompts, and all items of every task")
    job.helm.enter(job.index, "final", "sequence", promise_s=300)
    job.resident.load_policy(adapter)
    start = _read(baseline) if baseline else None
    with rewarding(job, start, job.paths.iteration(index)) as rewards:
        found = evaluate(
            job.resident,
            job.task,
            job.config,
            baseline=start,
            rewards=rewards,
            capability=job.capability,
            desk=desk,
            progress=job.helm.progress,
        )
    spending.tell(job, found.judging)
    with staged(place) as folder:
        write_evaluation(folder, found)
        write_text(folder / SALT, desk.salt)
    return place


def _read(folder: Path) -> Evaluation:
    return Evaluation.parse(json.loads((folder / EVALUATION).read_text("utf-8")))


def _stands(place: Path, salt: str) -> bool:
    """Whether an earlier attempt's evaluation is whole, of this very adapter and by these very settings."""
    try:
        verify(place)
        return (place / SALT).read_text("utf-8") == salt
    except (CorruptError, OSError):
        return False


def _scratch(job: Job) -> Path:
    return job.paths.iterations / ".work-final"


def without_limits(config: RunConfig) -> RunConfig:
    """The config with evaluation on every held-out prompt, and on every item of each task unless it says `same`."""
    evaluation = config.evaluation
    tasks = tuple(task.model_copy(update={"limit": None}) for task in evaluation.tasks)
    whole = {"prompts": NO_LIMIT, "tasks": tasks} if evaluation.final == "full" else {}
    return config.model_copy(update={"evaluation": evaluation.model_copy(update=whole)})


def _size(task: Task) -> tuple[int, int, int]:
    return len(task.eval_prompts), len(task.held_out_pairs), len(task.held_out_text)
