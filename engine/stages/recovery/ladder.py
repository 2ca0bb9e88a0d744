"""What has been learnt about how much of a batch fits at once, and so how the next one is done.

    whole     as the trainer would
    pairs     some pairs after the other, each part's loss weighted by its share: nothing is computed twice
    pieces    some rows after the other, forward without gradients and once more in the backward: one more forward

Memory goes with tokens (rows × width), so one number is remembered: the most tokens at once that may be tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Way = Literal["whole", "pairs", "pieces"]


@dataclass(frozen=True, slots=True)
class Shape:
    """A batch: `rows` of `width` tokens, padding included; `items` is how many parts its loss is a plain mean of, and 0
    where the loss must see the whole batch (a mean over tokens, a term of the batch's mean, a sorted batch).
    """

    rows: int
    width: int
    items: int

    @property
    def tokens(self) -> int:
        return self.rows * self.width

    @property
    def item_rows(self) -> int:
        return self.rows // self.items if self.items else 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a batch is done: `count` items (pairs) or rows (pieces) at a time, which are `tokens`."""

    way: Way
    count: int
    tokens: int


@dataclass
class Ladder:
    """`tokens` is the most that may be tried at once, None while everything fitted. `steps` counts how often it was
    lowered, `least` is the fewest items done at once (0: less than one), `divisible` whether all losses allowed items.
    """

    tokens: int | None = None
    steps: int = 0
    least: int | None = None
    divisible: bool = True

    def plan(self, shape: Shape) -> Plan:
        if self.tokens is None or shape.tokens <= self.tokens:
            return Plan("whole", max(1, shape.items), shape.tokens)
        item = shape.item_rows * shape.width
        if shape.items > 1 and item <= self.tokens:
            count = self.tokens // item
            return Plan("pairs", count, count * item)
        rows = max(1, min(self.tokens // shape.width, shape.rows - 1))
        return Plan("pieces", rows, rows * shape.width)

    def lower(self, shape: Shape) -> Plan | None:
        """The plan after the present one did not fit, or None where nothing smaller is left: one row alone."""
        tried = self.plan(shape)
        if shape.rows == 1 or (tried.way == "pieces" and tried.count == 1):
            return None
        self.tokens = max(shape.width, tried.tokens // 2)
        plan = self.plan(shape)
        self.steps += 1
        self.divisible = self.divisible and shape.items > 0
        fits = plan.count if plan.way == "pairs" else 0
        self.least = fits if self.least is None else min(fits, self.least)
        return plan

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Ladder:
        return cls(**{f.name: raw[f.name] for f in fields(cls) if f.name in raw})
