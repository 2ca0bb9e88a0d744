"""An iteration's preference pairs: from the file, from the policy's own judged completions, or from both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from engine.config.schema import RunConfig
from engine.data.task import Pair, Prompt, Task
from engine.models.generate import Completion, Progress, generate
from engine.models.resident import Resident
from engine.models.tokens import Content

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CollectReport:
    """Where an iteration's pairs come from. `unclear` prompts had no two answers far enough apart."""

    prompts: int = 0
    completions: int = 0
    unclear: int = 0
    on_policy: int = 0
    from_file: int = 0
    mean_score: float | None = None


def collect(
    resident: Resident, task: Task, config: RunConfig, iteration: int, progress: Progress | None = None
) -> tuple[list[Pair], CollectReport]:
    """At most `data.max_pairs` pairs for an iteration, the same for the same seed, iteration and policy."""
    rng = Random(f"{config.training.seed}:{iteration}")
    sampled: list[Pair] = []
    report = CollectReport()
    if config.data.source != "file":
        sampled, report = sample_pairs(resident, task, config, rng, progress)
    room = config.data.max_pairs - len(sampled)
    recorded = (
        draw(rng, task.train_pairs, min(room, len(task.train_pairs))) if config.data.source != "on_policy" else []
    )
    pairs = sampled[: config.data.max_pairs] + recorded
    return pairs, CollectReport(
        report.prompts,
        report.completions,
        report.unclear,
        min(len(sampled), len(pairs)),
        len(recorded),
        report.mean_score,
    )


def sample_pairs(
    resident: Resident, task: Task, config: RunConfig, rng: Random, progress: Progress | None = None
) -> tuple[list[Pair], CollectReport]:
    """Pairs among `data.completions` sampled answers to each of `data.prompts` training prompts."""
    data = config.data
    prompts = draw(rng, task.train_prompts, data.prompts)
    completions = generate(
        resident,
        [prompt.content for prompt in prompts for _ in range(data.completions)],
        max_new_tokens=data.max_new_tokens,
        temperature=data.temperature,
        seed=rng.getrandbits(31),
        batch_size=data.batch_size,
        progress=progress,
    )
    groups = [completions[i : i + data.completions] for i in range(0, len(completions), data.completions)]
    pairs: list[Pair] = []
    unclear, scores = 0, []
    for prompt, group in zip(prompts, groups, strict=True):
        ranked = rank(task, prompt, group)
        scores += [score for score, _ in ranked]
        found = list(contrast(prompt, ranked, data.min_gap))
        pairs += found
        unclear += not found
    mean = sum(scores) / len(scores) if scores else None
    return pairs, CollectReport(len(prompts), len(completions), unclear, len(pairs), 0, mean)


def rank(task: Task, prompt: Prompt, completions: Sequence[Completion]) -> list[tuple[float, str]]:
    """(score, text) of the different completions that came to an end, worst first."""
    texts = sorted({completion.text for completion in completions if completion.finished and completion.text.strip()})
    return sorted((task.judge.score(prompt.text, text), text) for text in texts)


def contrast(prompt: Prompt, ranked: Sequence[tuple[float, str]], min_gap: float) -> Iterator[Pair]:
    """Best against worst, and a second pair from further in: it teaches the finer differences."""
    count = len(ranked)
    for low, high in ((0, count - 1), (count // 3, count - 1 - count // 4)):
        if not 0 <= low < high:
            continue
        (worse, rejected), (better, chosen) = ranked[low], ranked[high]
        if better - worse >= min_gap:
            yield Pair(
                prompt.content,
                joined(prompt.content, chosen),
                joined(prompt.content, rejected),
                prompt.category,
                better - worse,
                "on policy",
                scores=(better, worse),
            )


def joined(prompt: Content, text: str) -> str:
    """A completion as it follows a plain prompt in text: word tokenizers decode without the space between them."""
    glued = isinstance(prompt, str) and not prompt[-1:].isspace() and not text[:1].isspace()
    return f" {text}" if glued else text


def draw(rng: Random, pool: Sequence[T], count: int) -> list[T]:
    """`count` of the pool in random order; each is taken once before any is taken again."""
    drawn: list[T] = []
    while pool and len(drawn) < count:
        drawn += rng.sample(pool, min(len(pool), count - len(drawn)))
    return drawn
