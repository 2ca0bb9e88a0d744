"""Leave out the pairs that teach nothing or spoil the evaluation, and say how many each filter faulted.

In: `collected.jsonl`. Out: `pairs.jsonl`, what the iteration trains on, `dropped.jsonl`, what it does not and why, and
`data.json`, the manifest with the data's own metrics. An iteration whose pairs are too few is refused here, before a
single step.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from engine.data.collect import labelled
from engine.data.filters import FilterReport, Keep, run_filters
from engine.data.quality import data_metrics
from engine.data.weighing import weighted
from engine.errors import DataError
from engine.records import Pair, as_json
from engine.stages.job import Job
from engine.stages.pairs import COLLECTED, MANIFEST, PAIRS, read_pairs, write_dropped, write_pairs
from engine.stages.suspects import find_suspects
from engine.store.atomic import write_json
from engine.store.opinions import labels, quarantined

QUARANTINED, REFUSED, NOISE = "quarantined", "tie or bad by its label", "suspect label"


def run(job: Job) -> dict[str, Any]:
    job.helm.enter(job.index, "filter", "pair")
    collected = read_pairs(job.work / COLLECTED)
    suspect = find_suspects(job, collected)
    others = {**_opinions(job), **_noise(job, suspect)}
    report = run_filters(collected, job.config.data, job.task.measured_prompts, others)
    kept = weighted(report.kept, job.config.data, job.index)
    words = ", ".join(f"{count} {name}" for name, count in report.dropped.items() if count)
    job.say("filter", f"kept {len(report.kept)} of {len(collected)} pairs" + (f"; dropped {words}" if words else ""))
    _require(job, report, words)
    write_pairs(job.work / PAIRS, kept)
    write_dropped(job.work, report.out)
    write_json(job.work / MANIFEST, {**_manifest(job, report, kept), "suspect": suspect})
    return {"pairs": len(report.kept), "dropped": dict(report.dropped), "found": dict(report.found)}


def _opinions(job: Job) -> dict[str, Keep]:
    """What operators keep out, whatever a filter would say."""
    out, (_, refused) = quarantined(job.paths), labelled(labels(job.paths), {})
    return {QUARANTINED: lambda pair: pair.id not in out, REFUSED: lambda pair: pair.id not in refused}


def _noise(job: Job, suspect: Mapping[str, float]) -> dict[str, Keep]:
    return {NOISE: lambda pair: pair.id not in suspect} if job.config.data.noise_check == "drop" else {}


def _manifest(job: Job, report: FilterReport, kept: Sequence[Pair]) -> dict[str, Any]:
    return {
        "iteration": job.index,
        "parent": job.parent,
        "pairs": len(kept),
        "sha256": hashlib.sha256((job.work / PAIRS).read_bytes()).hexdigest(),
        "sources": Counter(pair.source for pair in kept),
        "sources_sha256": _hashes(kept),
        "categories": Counter(pair.category for pair in kept),
        "born": Counter(str(pair.born) for pair in kept),
        "weights": _weights(kept),
        "authors": Counter(pair.author for pair in kept if pair.author),
        "plan": [as_json(step) for step in job.plan],
        "collected": len(report.kept) + len(report.out),
        "dropped": report.dropped,
        "found": report.found,
        "metrics": [as_json(metric) for metric in data_metrics(report)],
        "source": job.config.data.model_dump(mode="json"),
        "task": job.task.name,
    }


def _hashes(pairs: Sequence[Pair]) -> dict[str, str]:
    """A hash of each source's pairs, whatever their order and weights: whether two manifests hold the same."""
    names: dict[str, list[str]] = {}
    for pair in pairs:
        names.setdefault(pair.source, []).append(f"{pair.id} {pair.chosen}")
    return {source: hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest() for source, found in names.items()}


def _weights(pairs: Sequence[Pair]) -> dict[str, float]:
    """Each category's share of what training will see."""
    total = sum(pair.weight for pair in pairs) or 1.0
    shares: dict[str, float] = {}
    for pair in pairs:
        shares[pair.category] = shares.get(pair.category, 0.0) + pair.weight / total
    return {category: round(share, 6) for category, share in shares.items()}


def _require(job: Job, report: FilterReport, dropped: str) -> None:
    total = len(report.kept) + len(report.out)
    if len(report.kept) < job.config.data.min_pairs:
        raise DataError(
            f"iteration {job.index} has {len(report.kept)} pairs of {total} left, fewer than "
            f"data.min_pairs = {job.config.data.min_pairs}" + (f" (dropped {dropped})" if dropped else ""),
            remedy="collect more (data.prompts, data.completions, data.min_gap) or lower data.min_pairs",
        )
