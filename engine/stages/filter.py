"""Leave out the pairs that teach nothing or spoil the evaluation, and say how many each filter dropped.

In: `collected.jsonl`. Out: `pairs.jsonl`, what the iteration trains on, and `data.json`, its manifest. An iteration
whose pairs are too few is refused here, before a single step.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from engine.data.filters import run_filters
from engine.errors import DataError
from engine.stages.job import Job
from engine.stages.pairs import COLLECTED, PAIRS, read_pairs, write_pairs
from engine.store.atomic import write_json


def run(job: Job) -> dict[str, Any]:
    job.helm.enter(job.index, "filter", "pair")
    collected = read_pairs(job.work / COLLECTED)
    report = run_filters(collected, job.config, job.task.eval_prompts)
    dropped = ", ".join(f"{count} {name}" for name, count in report.dropped.items() if count)
    but = f"; dropped {dropped}" if dropped else ""
    job.say("filter", f"kept {len(report.kept)} of {len(collected)} pairs{but}")
    if len(report.kept) < job.config.data.min_pairs:
        raise DataError(
            f"iteration {job.index} has {len(report.kept)} pairs of {len(collected)} left, fewer than "
            f"data.min_pairs = {job.config.data.min_pairs}" + (f" (dropped {dropped})" if dropped else ""),
            remedy="collect more (data.prompts, data.completions, data.min_gap) or lower data.min_pairs",
        )
    write_pairs(job.work / PAIRS, report.kept)
    manifest = {
        "pairs": len(report.kept),
        "sha256": hashlib.sha256((job.work / PAIRS).read_bytes()).hexdigest(),
        "sources": Counter(pair.source for pair in report.kept),
        "categories": Counter(pair.category for pair in report.kept),
        "collected": len(collected),
        "dropped": report.dropped,
        "source": job.config.data.model_dump(mode="json"),
        "task": job.task.name,
    }
    write_json(job.work / "data.json", manifest)
    return {"pairs": len(report.kept), "dropped": report.dropped}
