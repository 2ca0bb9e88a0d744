"""Gather the iteration's preference pairs: recorded, sampled from the parent's policy and judged, labelled, and those
that the line has collected before. The gate's plan says what to be after.

In: the parent's adapter and pairs. Out: `collected.jsonl` in the work folder. Choosing among them is `filter`'s.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from engine.data.collect import Critique, Gathered, Generator, Sampled, Sources, gather
from engine.data.collect.constitution import load_constitution
from engine.data.collect.critique import critique_pairs, endpoint_critic, policy_critic
from engine.data.task import Pair, shown
from engine.judges.chat import Chat
from engine.models.generate import generate
from engine.models.vllm import VllmGenerator, load_engine, require_vllm
from engine.stages import spending
from engine.stages.job import Job
from engine.stages.pairs import COLLECTED, PAIRS, read_pairs, write_pairs
from engine.store.collected import labelled_pairs
from engine.store.opinions import labels
from engine.text import one_line

SHOWN_S = 2.0  # between two samples shown live
SIDE = 60  # characters of each


def run(job: Job, clock: Callable[[], float] = time.monotonic, adapter: Path | None = None) -> dict[str, Any]:
    """`adapter` is the policy that is sampled, by default the parent's."""
    adapter = adapter or job.parent_adapter
    job.helm.enter(job.index, "collect", "completion", promise_s=300)
    job.resident.load_policy(adapter)
    job.say("start", f"iteration {job.index} starts from the weights of {job.parent or 'the baseline'}")
    for step in job.plan:
        job.say("collect.plan", step.text)
    began, critic = clock(), chat(job)
    gathered = gather(
        job.task,
        job.config,
        job.index,
        sources(job, adapter, critic),
        parent=job.parent,
        progress=job.helm.progress,
        live=Live(job, clock),
    )
    write_pairs(job.work / COLLECTED, gathered.pairs)
    job.say("collect", words(gathered, clock() - began))
    spent = {job.task.judge.name: job.task.judge.take_usage(), "critic": critic.take_usage() if critic else {}}
    return {**summary(gathered, clock() - began), **spending.tell(job, spent)}


def chat(job: Job) -> Chat | None:
    """The server that criticises, where it is not the policy itself."""
    data = job.config.data
    return Chat(job.config.judges.endpoint) if data.constitution and data.critic == "endpoint" else None


def sources(job: Job, adapter: Path, critic: Chat | None = None) -> Sources:
    """What this iteration's data may be made of."""
    generator = make_generator(job, adapter)
    before = job.paths.iteration(job.parent) / PAIRS
    given = labels(job.paths)
    return Sources(
        generator=generator,
        critique=critique(job, generator, critic),
        steps=job.plan,
        before=read_pairs(before) if before.exists() else (),
        labels=given,
        known=labelled_pairs(job.paths, given),
    )


def make_generator(job: Job, adapter: Path) -> Generator:
    """What samples from the policy: the resident itself, or vLLM with the same adapter."""
    if job.config.data.generator == "transformers":
        return partial(generate, job.resident)
    require_vllm(job.config.model.gguf_file)
    return VllmGenerator(job.resident, adapter, partial(load_engine, memory=job.config.data.vllm_memory))


def critique(job: Job, generator: Generator, critic: Chat | None) -> Critique | None:
    """Who turns answers into critique pairs; None where no constitution is named."""
    data = job.config.data
    if not data.constitution:
        return None
    ask = policy_critic(generator, job.resident.chat, data)
    if critic is not None:
        ask = endpoint_critic(critic, job.config.judges.endpoint.concurrency)
    principles = load_constitution(Path(data.constitution).expanduser())
    return partial(
        critique_pairs, generator=generator, critic=ask, judge=job.task.judge, principles=principles, data=data
    )


class Live:
    """Shows how sampling goes: a pair every now and then, with the throughput and how many prompts gave one."""

    def __init__(self, job: Job, clock: Callable[[], float]) -> None:
        self._job, self._clock, self._began = job, clock, clock()
        self._shown: float | None = None

    def __call__(self, so_far: Sampled, made: Sequence[Pair]) -> None:
        now = self._clock()
        if not made or (self._shown is not None and now - self._shown < SHOWN_S):
            return
        self._shown = now
        speed = so_far.tokens / max(now - self._began, 1e-3)
        texts = (shown(made[0].prompt), f"+ {made[0].chosen}", f"− {made[0].rejected}")
        sides = " | ".join(one_line(text, SIDE) for text in texts)
        text = f"{so_far.prompts} of {so_far.asked} prompts, {so_far.accepted:.0%} with a pair, {speed:,.0f} tokens/s"
        self._job.say("collect.sample", f"{text}: {sides}")


def words(gathered: Gathered, seconds: float) -> str:
    sampled, counts = gathered.sampled, Counter(pair.source for pair in gathered.pairs)
    parts = [f"{count} {source}" for source, count in counts.items()]
    said = f"{len(gathered.pairs)} pairs ({', '.join(parts)})" if parts else "collected nothing"
    if not sampled.completions:
        return said
    score = f", mean score {_mean(sampled):.2f}" if sampled.scores else ""
    speed = f"{sampled.tokens / max(seconds, 1e-3):,.0f} tokens/s"
    unclear = f"{sampled.accepted:.0%} of {sampled.prompts} prompts gave a clear difference"
    return f"{said}; sampled {sampled.completions} completions at {speed}{score}, {unclear}"


def summary(gathered: Gathered, seconds: float) -> dict[str, Any]:
    """What the ledger remembers of it."""
    sampled = gathered.sampled
    return {
        "pairs": len(gathered.pairs),
        "sources": dict(Counter(pair.source for pair in gathered.pairs)),
        "prompts": sampled.prompts,
        "completions": sampled.completions,
        "unclear": sampled.unclear,
        "accepted": sampled.accepted,
        "tokens_per_s": sampled.tokens / max(seconds, 1e-3),
        "mean_score": _mean(sampled) if sampled.scores else None,
    }


def _mean(sampled: Sampled) -> float:
    return sum(sampled.scores) / len(sampled.scores)
