"""Measure the iteration's policy on the same prompts, seeds and settings as every other iteration.

In: `adapter/` in the work folder, the baseline's and the parent's evaluations. Out: `evaluation.json`, metrics with
their per-item results and the completions that later iterations pair with; for people, `samples.jsonl` and
`answers.jsonl`, what was said to each item.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.evaluation.capability import Desk
from engine.evaluation.evaluate import evaluate
from engine.evaluation.outcome import Evaluation
from engine.models.resident import WEIGHTS
from engine.records import KL, WIN_RATE
from engine.stages import spending
from engine.stages.boundary import PROBE_METRIC
from engine.stages.job import Job
from engine.stages.pairs import read_data_metrics
from engine.store.atomic import write_json
from engine.store.iterations import ANSWERS, EVALUATION, SAMPLES, write_lines
from engine.store.paths import RunPaths


def run(job: Job) -> dict[str, Any]:
    job.helm.enter(job.index, "evaluate", "sequence", promise_s=300)
    job.resident.load_policy(job.work / "adapter")
    has_parent = job.index > 0 and job.parent > 0
    evaluation = evaluate(
        job.resident,
        job.task,
        job.config,
        baseline=read_evaluation(job.paths, 0) if job.index else None,
        parent=read_evaluation(job.paths, job.parent) if has_parent else None,
        parent_adapter=job.parent_adapter if has_parent else None,
        capability=job.capability,
        desk=_desk(job),
        progress=job.helm.progress,
    )
    evaluation = replace(evaluation, metrics={**evaluation.metrics, **read_data_metrics(job.work)})
    write_evaluation(job.work, evaluation)
    kl = evaluation.metrics.get(KL)
    if kl is not None and kl.value is not None:  # the same quantity as the probe's, better measured: its last point
        job.ledger.record(job.index, job.helm.step, time.time(), {PROBE_METRIC: kl.value})
    missing = [name for name, metric in evaluation.metrics.items() if not metric.measured]
    if missing:
        job.say("evaluate.missing", f"could not be measured: {', '.join(missing)}", "error")
    job.say(
        "evaluate",
        f"{len(evaluation.metrics)} metrics in {sum(evaluation.seconds.values()):.1f} s{_headline(evaluation)}",
    )
    return {"parts": dict(evaluation.seconds), **spending.tell(job, evaluation.judging)}


def _desk(job: Job) -> Desk:
    """Harness answers stay in the work folder until the iteration is published, and are good for this adapter only."""
    weights = (job.work / "adapter" / WEIGHTS).read_bytes()
    asked = job.config.evaluation.model_dump_json() + job.config.model.model_dump_json()
    salt = hashlib.sha256(weights + asked.encode()).hexdigest()
    return Desk(job.work / "capability", salt, job.say)


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    write_json(folder / EVALUATION, evaluation.as_json())
    write_lines(folder / SAMPLES, evaluation.samples)
    write_lines(folder / ANSWERS, evaluation.answers)


def read_evaluation(paths: RunPaths, index: int) -> Evaluation:
    """A finished iteration's evaluation, without its samples."""
    return Evaluation.parse(json.loads((paths.iteration(index) / EVALUATION).read_text("utf-8")))


def _headline(evaluation: Evaluation) -> str:
    win = evaluation.metrics.get(WIN_RATE)
    return f"; win rate {win.value:.3f}" if win is not None and win.value is not None else ""
