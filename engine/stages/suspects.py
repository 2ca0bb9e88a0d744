"""Recorded labels that look wrong. The baseline may be a witness; the policy was trained on such labels."""

from __future__ import annotations

from collections.abc import Sequence

from engine.data.noise import FEWEST, suspicions
from engine.data.task import Pair, shown
from engine.evaluation.forward import completion_logprobs
from engine.models.tokens import sequence_ids
from engine.stages.job import Job
from engine.text import one_line

SHOWN = 3  # of the worst, named in the run's story


def find_suspects(job: Job, pairs: Sequence[Pair]) -> dict[str, float]:
    """The ids of recorded pairs whose label is probably wrong, with that probability, the worst first.

    Empty where `data.noise_check` is none, or there are too few recorded pairs to learn from.
    """
    recorded = [pair for pair in pairs if pair.source == "file"]
    if job.config.data.noise_check == "none" or len(recorded) < FEWEST:
        return {}
    logprobs = _logprobs(job, recorded) if job.config.data.noise_by == "model" else None
    found = suspicions(recorded, logprobs, job.seed)
    ranked = sorted(zip(found.tolist(), recorded, strict=True), key=lambda each: -each[0])
    wrong = [(share, pair) for share, pair in ranked if share >= job.config.data.noise_limit]
    _tell(job, wrong, len(recorded))
    return {pair.id: round(share, 4) for share, pair in wrong}


def _logprobs(job: Job, pairs: Sequence[Pair]) -> list[tuple[float, float]]:
    """Of each pair's sides under the baseline, in nats."""
    texts = [(pair.prompt, side) for pair in pairs for side in (pair.chosen, pair.rejected)]
    sides = [sequence_ids(job.resident.tokenizer, *text) for text in texts]
    done = 0

    def beat(count: int) -> None:
        nonlocal done
        done += count
        job.helm.progress(done, len(sides))

    with job.resident.baseline():
        sums = completion_logprobs(job.resident, sides, job.config.evaluation.batch_size, beat)
    return list(zip(sums[::2], sums[1::2], strict=True))


def _tell(job: Job, wrong: Sequence[tuple[float, Pair]], total: int) -> None:
    job.say("filter.noise", f"{len(wrong)} of {total} recorded labels look wrong", "warn" if wrong else "info")
    for share, pair in wrong[:SHOWN]:
        sides = f"+ {one_line(pair.chosen, 50)} | − {one_line(pair.rejected, 50)}"
        job.say("filter.noise", f"probably wrong ({share:.0%}): {one_line(shown(pair.prompt), 50)}: {sides}", "warn")
