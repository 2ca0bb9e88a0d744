"""Keep the best of what the iteration's policy says: the next iteration's SFT learns from it, so that the loop closes.

In: `adapter/`, `reward/`, the baseline's evaluation. Out: `best.jsonl`, and its manifest in `data.json`. A sample has
to have ended by itself, to be above the bar by the reward model, and no worse than the baseline by a judge that
training never asked. Prompts are those that may be trained on; no evaluation prompt is among them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import fmean
from typing import Any

from engine.config.schema import HarvestConfig
from engine.data.collect import joined
from engine.data.filters.duplicates import first_time, near_duplicates
from engine.data.task import Prompt
from engine.evaluation.outcome import Evaluation
from engine.evaluation.sampled import repeated
from engine.models.generate import Completion, generate
from engine.models.slots import Slots
from engine.records import Example
from engine.stages.evaluations import read_evaluation
from engine.stages.job import Job
from engine.stages.pairs import BEST, MANIFEST, write_examples
from engine.stages.proxy import Proxy, slots_of
from engine.store.atomic import write_json

SOURCE = "best"


@dataclass(frozen=True, slots=True)
class Scored:
    """A sample with its reward in the baseline's units, and the other judge's score."""

    prompt: Prompt
    completion: Completion
    reward: float
    judged: float


def run(job: Job) -> dict[str, Any]:
    job.helm.enter(job.index, "filter", "completion", promise_s=300)
    job.resident.load_policy(job.work / "adapter")
    baseline = read_evaluation(job.paths, 0)
    scored = _scored(job, baseline)
    bar = fmean(baseline.held_out_scores or (0.0,))
    good, dropped = above_bar(scored, job.config.harvest, bar)
    best, repeats = distinct(top(good, job.config.harvest), job.config.data.near_duplicate)
    dropped |= {"duplicate": repeats}
    kept = [replace(example, born=None) for example in best[: job.config.harvest.most]]
    write_examples(job.work / BEST, kept)
    _write_manifest(job, kept, scored, dropped)
    words = ", ".join(f"{count} {name}" for name, count in dropped.items() if count)
    job.say(
        "filter", f"{len(kept)} of {len(scored)} samples are kept for the next SFT" + (f"; {words}" if words else "")
    )
    return {"samples": len(scored), "best": len(kept), "dropped": dropped}


def above_bar(
    scored: Sequence[Scored], settings: HarvestConfig, held_out: float
) -> tuple[list[Scored], dict[str, int]]:
    """Those above every bar, and how many each bar kept out."""
    dropped: Counter[str] = Counter()
    good = []
    for sample in scored:
        fault = _fault(sample, settings, held_out)
        if fault:
            dropped[fault] += 1
        else:
            good.append(sample)
    return good, dict(dropped)


def _fault(sample: Scored, settings: HarvestConfig, held_out: float) -> str:
    if not sample.completion.finished:
        return "cut off"
    if sample.reward < settings.bar:
        return "below the reward model's bar"
    return "below the baseline by the held-out judge" if sample.judged < held_out else ""


def top(good: Iterable[Scored], settings: HarvestConfig) -> list[Example]:
    """The best few of each prompt, all of them best first."""
    of: dict[str, list[Scored]] = defaultdict(list)
    for sample in good:
        of[sample.prompt.text].append(sample)
    chosen = [
        sample for group in of.values() for sample in sorted(group, key=lambda each: -each.reward)[: settings.each]
    ]
    ordered = sorted(chosen, key=lambda each: -each.reward)
    return [_example(each) for each in ordered]


def _example(sample: Scored) -> Example:
    said = joined(sample.prompt.content, sample.completion.text.strip())
    return Example(sample.prompt.content, said, sample.prompt.category, SOURCE, sample.reward)


def distinct(examples: Sequence[Example], similarity: float) -> tuple[list[Example], int]:
    """Without repeats, the better of two kept; and how many there were."""
    kept = list(examples)
    for keep in (first_time, lambda pairs: near_duplicates(pairs, similarity)):
        once = keep([example.as_pair() for example in kept])
        kept = [example for example, good in zip(kept, once, strict=True) if good]
    return kept, len(examples) - len(kept)


def _scored(job: Job, baseline: Evaluation) -> list[Scored]:
    settings = job.config.harvest
    rng = Random(f"harvest:{job.seed}")
    prompts = rng.sample(job.task.train_prompts, min(settings.prompts, len(job.task.train_prompts)))
    asked = repeated(prompts, settings.completions)
    said = generate(
        job.resident,
        [prompt.content for prompt in asked],
        max_new_tokens=job.config.ppo.max_new_tokens,
        temperature=1.0,
        seed=job.seed,
        batch_size=job.config.evaluation.batch_size,
        progress=job.helm.progress,
    )
    with Slots(job.resident, *slots_of(job)) as slots:
        rewards = Proxy(job, slots, baseline, job.work)(asked, said)
    judge = job.task.held_out_judge or job.task.judge
    judged = judge.scores([(prompt.text, completion.text) for prompt, completion in zip(asked, said, strict=True)])
    return [Scored(*each) for each in zip(asked, said, rewards, judged, strict=True)]


def _write_manifest(job: Job, kept: Sequence[Example], scored: Sequence[Scored], dropped: dict[str, int]) -> None:
    """Beside what is said of the iteration's pairs in `data.json`."""
    path = job.work / MANIFEST
    manifest = json.loads(path.read_text("utf-8")) if path.exists() else {}
    best = {
        "examples": len(kept),
        "of": len(scored),
        "sha256": hashlib.sha256((job.work / BEST).read_bytes()).hexdigest(),
        "bar": job.config.harvest.bar,
        "mean_reward": fmean(example.score or 0.0 for example in kept) if kept else None,
        "categories": Counter(example.category for example in kept),
        "dropped": dropped,
    }
    write_json(path, {**manifest, "best": best})
