"""All of an iteration's pairs, from every source that its config, its plan and its operators name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from engine.config.schema import RunConfig
from engine.data.collect.draw import draw, draw_prompts
from engine.data.collect.earlier import REPLAYED, labelled, replayed
from engine.data.collect.sampling import Generator, Live, Sampled, sample_pairs
from engine.data.plan import read_plan
from engine.data.task import Pair, Prompt, Task
from engine.models.generate import Progress
from engine.records import DataStep, Label

Critique = Callable[[Sequence[Prompt], Random], list[Pair]]
"""Pairs of an answer and its better revision."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What an iteration's data is made of, besides the config. `before` are the parent's pairs, `known` every pair
    that an operator may have labelled, by id; `generator` None where nothing is sampled.
    """

    generator: Generator | None = None
    critique: Critique | None = None
    steps: Sequence[DataStep] = ()
    before: Sequence[Pair] = ()
    labels: Sequence[Label] = ()
    known: Mapping[str, Pair] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The pairs, and how sampling went."""

    pairs: tuple[Pair, ...]
    sampled: Sampled

    def count(self, source: str) -> int:
        return sum(pair.source == source for pair in self.pairs)


def gather(
    task: Task,
    config: RunConfig,
    iteration: int,
    sources: Sources,
    *,
    parent: int = 0,
    progress: Progress | None = None,
    live: Live | None = None,
) -> Gathered:
    """At most `data.max_pairs` pairs, the same for the same seed, iteration, policy and labels.

    What people said comes first, then what the plan is after, what the line has collected before, and the rest. Where
    that is too much, fewer of the usual pairs are taken of each prompt.
    """
    data = config.data
    plan = read_plan(sources.steps, data, {prompt.category for prompt in task.train_prompts})
    rng = Random(f"{config.training.seed}:{max(1, parent) if plan.hold else iteration}")
    fresh: list[Pair] = []
    sampled = Sampled()
    if data.source != "file" and sources.generator:
        asked = draw_prompts(rng, task.train_prompts, data.prompts, plan)
        fresh, sampled = sample_pairs(sources.generator, task.judge, asked, data, rng, progress, live)
    if sources.critique:
        fresh += sources.critique(draw(rng, task.train_prompts, data.critiques), rng)
    spoken, _ = labelled(sources.labels, sources.known)
    earlier = replayed(sources.before, data.replay, Random(f"replay:{config.training.seed}:{iteration}"))
    exercises = draw(rng, task.exercises, min(plan.mix, len(task.exercises)))
    fresh.sort(key=lambda pair: pair.source == "on policy")  # what the plan asked for comes first
    said = {pair.id for pair in spoken}  # whatever another source says of the same two texts
    pairs = [*spoken, *(pair for pair in [*_born(fresh, iteration), *earlier] if pair.id not in said)]
    pairs = _within(pairs, data.max_pairs - len(exercises), Random(f"limit:{config.training.seed}:{iteration}"))
    room = min(data.max_pairs - len(exercises) - len(pairs), len(task.train_pairs))
    recorded = draw(rng, task.train_pairs, room) if data.source != "on_policy" else []
    rest = [pair for pair in recorded if pair.id not in said]
    return Gathered((*pairs, *_born([*rest, *exercises], iteration)), sampled)


def _within(pairs: Sequence[Pair], limit: int, rng: Random) -> list[Pair]:
    """At most `limit` pairs, in order. The usual ones give way, whatever their prompt: a cut would lose the last
    prompts altogether.
    """
    if len(pairs) <= limit:
        return list(pairs)
    usual = [i for i, pair in enumerate(pairs) if pair.source in REPLAYED]
    room = max(0, limit - (len(pairs) - len(usual)))
    out = set(usual) - set(rng.sample(usual, room))
    return [pair for i, pair in enumerate(pairs) if i not in out][:limit]


def _born(pairs: Sequence[Pair], iteration: int) -> list[Pair]:
    return [pair if pair.born is not None else replace(pair, born=iteration) for pair in pairs]
