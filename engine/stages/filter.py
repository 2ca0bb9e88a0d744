"""Leave out the pairs that teach nothing or spoil the evaluation, and say how many each filter faulted.

In: `collected.jsonl`. Out: `pairs.jsonl`, what the iteration trains on, `dropped.jsonl`, what it does not and why, and
`data.json`, the manifest with the data's own metrics. An iteration whose pairs are too few is refused here, before a
single step.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from engine.data.filters import FilterReport, run_filters
from engine.data.quality import data_metrics
from engine.errors import DataError
from engine.records import as_json
from engine.stages.job import Job
from engine.stages.pairs import COLLECTED, MANIFEST, PAIRS, read_pairs, write_dropped, write_pairs
from engine.store.atomic import write_json


def run(job: Job) -> dict[str, Any]:
    job.helm.enter(job.index, "filter", "pair")
    collected = read_pairs(job.work / COLLECTED)
    report = run_filters(collected, job.config.data, job.task.measured_prompts)
    words = ", ".join(f"{count} {name}" for name, count in report.dropped.items() if count)
    job.say("filter", f"kept {len(report.kept)} of {len(collected)} pairs" + (f"; dropped {words}" if words else ""))
    _require(job, report, words)
    write_pairs(job.work / PAIRS, report.kept)
    write_dropped(job.work, report.out)
    write_json(job.work / MANIFEST, _manifest(job, report))
    return {"pairs": len(report.kept), "dropped": dict(report.dropped), "found": dict(report.found)}


def _manifest(job: Job, report: FilterReport) -> dict[str, Any]:
    return {
        "pairs": len(report.kept),
        "sha256": hashlib.sha256((job.work / PAIRS).read_bytes()).hexdigest(),
        "sources": Counter(pair.source for pair in report.kept),
        "categories": Counter(pair.category for pair in report.kept),
        "collected": len(report.kept) + len(report.out),
        "dropped": report.dropped,
        "found": report.found,
        "metrics": [as_json(metric) for metric in data_metrics(report)],
        "source": job.config.data.model_dump(mode="json"),
        "task": job.task.name,
    }


def _require(job: Job, report: FilterReport, dropped: str) -> None:
    total = len(report.kept) + len(report.out)
    if len(report.kept) < job.config.data.min_pairs:
        raise DataError(
            f"iteration {job.index} has {len(report.kept)} pairs of {total} left, fewer than "
            f"data.min_pairs = {job.config.data.min_pairs}" + (f" (dropped {dropped})" if dropped else ""),
            remedy="collect more (data.prompts, data.completions, data.min_gap) or lower data.min_pairs",
        )
