"""Cutting a batch of preference pairs: TRL's rows are all the chosen sides, then all the rejected ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from engine.stages.recovery.pieces import trimmed
from engine.stages.recovery.trainer import SurvivesOom

PAIR_MEANS = frozenset({
    "sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "sppo_hard", "apo_zero", "apo_down", "discopop",
    "sigmoid_norm",
})  # fmt: skip
"""TRL's losses that are a plain mean over pairs. The others see the batch: sft is a mean over tokens, bco_pair has a
mean of rewards in it, aot and aot_unpaired sort."""


class CutsPairs(SurvivesOom):
    """For TRL's DPOTrainer, where its loss allows it."""

    loss_types: Sequence[str]

    def parts_in(self, inputs: dict[str, Any]) -> int:
        return len(inputs["input_ids"]) // 2 if set(self.loss_types) <= PAIR_MEANS else 0

    def take(self, inputs: dict[str, Any], start: int, end: int) -> dict[str, Any]:
        return take_pairs(inputs, start, end)


def take_pairs(inputs: dict[str, Any], start: int, end: int) -> dict[str, Any]:
    """Pairs `start` to `end`. What has a row a side is taken from both halves, what has one a pair from its own."""
    rows, width = inputs["input_ids"].shape
    pairs = rows // 2

    def part(value: Any) -> Any:
        if not torch.is_tensor(value) or not value.dim():
            return value
        if len(value) == rows:
            return torch.cat([value[start:end], value[pairs + start : pairs + end]])
        return value[start:end] if len(value) == pairs else value

    return trimmed({name: part(value) for name, value in inputs.items()}, width)
