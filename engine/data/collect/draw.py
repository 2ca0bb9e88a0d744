"""Which prompts an iteration asks."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from engine.data.plan import Plan
from engine.data.task import Prompt

T = TypeVar("T")


def draw(rng: Random, pool: Sequence[T], count: int) -> list[T]:
    """`count` of the pool in random order; each is taken once before any is taken again."""
    drawn: list[T] = []
    while pool and len(drawn) < count:
        drawn += rng.sample(pool, min(len(pool), count - len(drawn)))
    return drawn


def draw_prompts(rng: Random, pool: Sequence[Prompt], usual: int, plan: Plan) -> list[tuple[Prompt, bool]]:
    """(prompt, whether the plan asked for it): the usual number, and on top of it what the plan is after.

    The usual ones are drawn first, so that a plan adds to them and never changes them.
    """
    drawn = [(prompt, False) for prompt in draw(rng, pool, usual + plan.wider)]
    for category, count in sorted(plan.extra.items()):
        among = [prompt for prompt in pool if not category or prompt.category == category]
        drawn += [(prompt, True) for prompt in draw(rng, among, count)]
    return drawn
