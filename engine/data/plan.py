"""What the gate's data steps mean for one iteration's collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from engine.config.schema import DataConfig
from engine.records import DataStep

MORE = 0.25  # of the usual prompts: what a step asks for that does not say how much
WIDER = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """`extra` prompts on top of the config's, by category ("" is any). `mix` is how many exercises to mix in.

    `hold` draws the prompts of the parent's iteration again; `wider` are prompts of any category for more variety.
    """

    extra: dict[str, int] = field(default_factory=dict)
    mix: int = 0
    hold: bool = False
    wider: int = 0


def read_plan(steps: Sequence[DataStep], data: DataConfig, categories: Collection[str]) -> Plan:
    """The steps that this data can follow. A step about a metric, or about a category that no prompt has, is about
    prompts of any category.
    """
    hold = any(step.action == "hold" for step in steps)
    extra: dict[str, int] = {}
    for step in steps:
        if step.action == "collect" and not hold:
            category = step.about if step.about in categories else ""
            extra[category] = extra.get(category, 0) + _asked(step, MORE * data.prompts)
    mixing = [_asked(step, data.mix * data.max_pairs) for step in steps if step.action == "mix"]
    always = round(data.mix * data.max_pairs) if data.mix_always else 0
    wider = round(WIDER * data.prompts) if any(step.action == "diversify" for step in steps) and not hold else 0
    return Plan(extra, max([always, *mixing]), hold, wider)


def _asked(step: DataStep, usual: float) -> int:
    return max(1, round(usual)) if step.count is None else step.count
