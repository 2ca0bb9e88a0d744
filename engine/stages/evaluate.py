"""Measure the iteration's policy on the same prompts, seeds and settings as every other iteration.

In: `adapter/` in the work folder, the baseline's and the parent's evaluations. Out: `evaluation.json`, metrics with
their per-item results and the completions that later iterations pair with; for people, `samples.jsonl` and
`answers.jsonl`, what was said to each item.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from engine.evaluation.evaluate import evaluate
from engine.evaluation.outcome import Evaluation
from engine.evaluation.rewarded import rlhf_metrics
from engine.records import KL, WIN_RATE
from engine.stages import spending
from engine.stages.boundary import PROBE_METRIC
from engine.stages.desk import desk_of
from engine.stages.evaluations import read_evaluation, write_evaluation
from engine.stages.grading import read_reward_metrics
from engine.stages.job import Job
from engine.stages.pairs import read_data_metrics
from engine.stages.ppo import read_looks
from engine.stages.proxy import rewarding


def run(job: Job) -> dict[str, Any]:
    job.helm.enter(job.index, "evaluate", "sequence", promise_s=300)
    job.resident.load_policy(job.work / "adapter")
    evaluation = _evaluation(job)
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


def _evaluation(job: Job) -> Evaluation:
    has_parent = job.index > 0 and job.parent > 0
    baseline = read_evaluation(job.paths, 0) if job.index else None
    parent = read_evaluation(job.paths, job.parent) if has_parent else None
    with rewarding(job, baseline, job.work) as rewards:
        found = evaluate(
            job.resident,
            job.task,
            job.config,
            baseline=baseline,
            parent=parent,
            parent_adapter=job.parent_adapter if has_parent else None,
            rewards=rewards,
            capability=job.capability,
            desk=desk_of(job, job.work / "adapter", job.work / "capability"),
            progress=job.helm.progress,
        )
    more = {**read_data_metrics(job.work), **read_reward_metrics(job.work), **(rlhf_metrics(found) if rewards else {})}
    more |= read_looks(job.work)
    return replace(found, metrics={**found.metrics, **more})


def _headline(evaluation: Evaluation) -> str:
    win = evaluation.metrics.get(WIN_RATE)
    return f"; win rate {win.value:.3f}" if win is not None and win.value is not None else ""
