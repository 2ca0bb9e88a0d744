"""The config's task: the demo's world, or a preference file split into what is trained on and what is measured."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.config.schema import RunConfig
from engine.data.demo import demo_task
from engine.data.exercises import load_exercises
from engine.data.imitation import load_demonstrations
from engine.data.judging import Aboard, make_judges
from engine.data.probes import load_probe
from engine.data.recorded import has_winner, spoken
from engine.data.sources import load_pairs
from engine.data.task import Pair, Prompt, Task, Text, shown
from engine.errors import DataError
from engine.models.resident import Resident
from engine.models.vllm import require_vllm

DEMO = "demo"


def build_task(config: RunConfig, resident: Resident, aboard: Aboard | None = None) -> Task:
    """Everything that the config trains and measures on. Raises DataError. `aboard` is what judges may be made of.

    The split depends on `evaluation.seed` only, which no gate can change, so what is held out stays held out.
    """
    if config.data.generator == "vllm":  # told now, not after the baseline was evaluated
        require_vllm(config.model.gguf_file)
    if config.judges.training == "implicit" and config.data.source == "on_policy":
        raise DataError(
            "judges.training = implicit: the baseline has no implicit reward, so iteration 1 would have no pairs",
            remedy="set data.source: both, for recorded pairs to begin with, or name another judge",
        )
    task = _task(config, resident, aboard or Aboard(str(resident.device)))
    if config.recipe == "rlhf" and config.sft.path:
        task = replace(task, demonstrations=load_demonstrations(config.sft.path, config.data, resident))
    return replace(task, exercises=task.exercises or load_exercises(config.data, resident, task.measured_prompts))


def _task(config: RunConfig, resident: Resident, aboard: Aboard) -> Task:
    probes = tuple(load_probe(Path(path), resident.chat) for path in config.evaluation.probes)
    if config.model.name == DEMO and not (config.data.path or config.data.dataset):
        judge, held_out_judge = make_judges(config.judges, (), aboard)
        return replace(demo_task(config, probes), judge=judge, held_out_judge=held_out_judge)
    if not (config.data.path or config.data.dataset):
        raise DataError(
            "on-policy training needs prompts, and only the demo brings its own",
            remedy="set data.path or data.dataset: the pairs' prompts are used",
        )
    pairs, report = load_pairs(config.data)
    pairs = spoken(pairs, resident)
    train, held_out = split_by_prompt(pairs, config.data.held_out, config.evaluation.seed)
    held_out = [pair for pair in held_out if has_winner(pair)] or held_out
    judge, held_out_judge = make_judges(config.judges, pairs, aboard)
    limit = config.evaluation.prompts * config.evaluation.completions
    return Task(
        name=report.source,
        judge=judge,
        train_prompts=_prompts(train),
        eval_prompts=_prompts(held_out)[: config.evaluation.prompts],
        train_pairs=tuple(train),
        held_out_pairs=tuple(held_out[:limit]),
        held_out_text=tuple(Text(pair.prompt, pair.chosen) for pair in held_out[:limit]),
        probes=probes,
        report=report,
        held_out_judge=held_out_judge,
        reward_pairs=tuple(held_out[: config.reward.held_out]) if config.recipe == "rlhf" else (),
    )


def split_by_prompt(pairs: Sequence[Pair], share: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """(train, held out): whole prompts are held out, the `share` of them whose hash comes first.

    Prompts that differ only in case, spacing or punctuation count as one, so that a held-out prompt's twin is never
    trained on. Raises DataError when there are too few prompts to split.
    """
    keys = {_key(pair.prompt) for pair in pairs}
    ordered = sorted(keys, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest())
    chosen = dict.fromkeys(ordered[: math.ceil(share * len(ordered))])
    if len(ordered) < 2 or len(chosen) == len(ordered):
        raise DataError(f"{len(ordered)} different prompts are too few to hold some out", remedy="add pairs")
    rank = {key: place for place, key in enumerate(chosen)}
    train = [pair for pair in pairs if _key(pair.prompt) not in rank]
    held_out = sorted((p for p in pairs if _key(p.prompt) in rank), key=lambda pair: rank[_key(pair.prompt)])
    return train, held_out


def _key(prompt: object) -> str:
    text = prompt if isinstance(prompt, str) else " ".join(m["content"] for m in prompt)  # type: ignore[attr-defined]
    return " ".join(re.findall(r"\w+", text.casefold())) or text


def _prompts(pairs: Sequence[Pair]) -> tuple[Prompt, ...]:
    """The pairs' different prompts, in order."""
    found = {shown(pair.prompt): Prompt(pair.prompt, pair.category) for pair in reversed(pairs)}
    return tuple(reversed(found.values()))
