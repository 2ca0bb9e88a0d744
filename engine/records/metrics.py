"""What was measured, and the answers behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from engine.records.words import Group


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured number. `value` None means that it could not be measured: never a pass.

    `low` and `high` bound a 95 % interval. `items` are the per-item results in the evaluation's fixed order, so that
    two iterations' items pair up by position; `categories` names each item's category where the data has one.
    """

    name: str
    value: float | None
    group: Group = "quality"
    n: int | None = None
    low: float | None = None
    high: float | None = None
    items: tuple[float, ...] | None = None
    categories: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Metric:
        known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        for name in ("items", "categories"):
            if known.get(name) is not None:
                known[name] = tuple(known[name])
        return cls(**known)

    @property
    def measured(self) -> bool:
        return self.value is not None and math.isfinite(self.value)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the policy said to one evaluated item, for people: what lies behind one entry of a metric's `items`.

    `item` is the place in `items`. `score` is that entry; `wanted` is the right answer, or the completion that this one
    was compared with. Text is safe for a terminal.
    """

    metric: str
    item: int
    prompt: str
    said: str
    wanted: str = ""
    score: float | None = None
    category: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Answer:
        return cls(**{f.name: raw[f.name] for f in fields(cls) if f.name in raw})


@dataclass(frozen=True, slots=True)
class Sample:
    """One evaluation prompt's completions side by side; `parent` is None where the parent is the baseline."""

    prompt: str
    baseline: str
    parent: str | None
    current: str
    scores: tuple[float | None, float | None, float | None] = (None, None, None)
    category: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Sample:
        known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        known["scores"] = tuple(known.get("scores", (None, None, None)))
        return cls(**known)
