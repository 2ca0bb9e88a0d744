"""How much each piece of data counts in an iteration, whichever stage learns from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from engine.config.schema import DataConfig
from engine.data.task import Pair, Prompt
from engine.judgement.weights import DEFAULT, Schedule, multiplier, weight
from engine.records import Example

Weighed = TypeVar("Weighed", Pair, Example)


def schedule(data: DataConfig) -> Schedule:
    """The weights by iteration, with the data's own categories as the config names their kinds."""
    return replace(DEFAULT, kinds=data.kinds)


def weighted(items: Iterable[Weighed], data: DataConfig, iteration: int) -> list[Weighed]:
    """Each with its weight in this iteration, from its base quality alone: no weight of before counts."""
    plan = schedule(data)
    return [replace(item, weight=weight(item.quality, item.category, iteration, plan)) for item in items]


def prompt_weights(prompts: Sequence[Prompt], data: DataConfig, iteration: int) -> list[float]:
    """How often each prompt is to be asked in this iteration, for a stage that draws prompts and has no answers yet."""
    plan = schedule(data)
    return [multiplier(prompt.category, iteration, plan) for prompt in prompts]
