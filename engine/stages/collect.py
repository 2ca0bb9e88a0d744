"""Gather the iteration's preference pairs: recorded, sampled from the parent's policy and judged, or both.

In: the parent's adapter. Out: `collected.jsonl` in the work folder. Choosing among them is `filter`'s.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.data.collect import CollectReport, collect
from engine.stages.job import Job
from engine.stages.pairs import COLLECTED, write_pairs


def run(job: Job) -> dict[str, Any]:
    job.helm.enter(job.index, "collect", "completion", promise_s=300)
    job.resident.load_policy(job.parent_adapter)
    job.say("start", f"iteration {job.index} starts from the weights of {job.parent or 'the baseline'}")
    pairs, report = collect(job.resident, job.task, job.config, job.index, job.helm.progress)
    write_pairs(job.work / COLLECTED, pairs)
    job.say("collect", _words(report))
    return asdict(report)


def _words(report: CollectReport) -> str:
    parts = []
    if report.completions:
        score = f", mean score {report.mean_score:.2f}" if report.mean_score is not None else ""
        parts.append(f"sampled {report.completions} completions to {report.prompts} prompts{score}")
        parts.append(f"{report.on_policy} pairs ({report.unclear} prompts without a clear difference)")
    if report.from_file:
        parts.append(f"{report.from_file} pairs from the file")
    return ": ".join(parts) or "collected nothing"
