"""Cutting a batch of preference pairs: TRL's rows are all the chosen sides, then all the rejected ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

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
    train_dataset: Any

    def parts_in(self, inputs: dict[str, Any]) -> int:
        return len(inputs["input_ids"]) // 2 if set(self.loss_types) <= PAIR_MEANS else 0

    def take(self, inputs: dict[str, Any], start: int, end: int) -> dict[str, Any]:
        return take_pairs(inputs, start, end)

    def score_reference(self) -> None:
        """Score the training pairs under the reference as it is now, once; no step runs it from here on.

        TRL does so in its constructor, when a parent that should not be the reference is still there. Its cache is not
        used: it knows a model by its every weight, which takes longer to read than to run.
        """
        self._precompute_model_hash = uuid4().hex
        size = self.args.per_device_train_batch_size
        self.train_dataset = self._precompute_ref_logps(self.train_dataset, "train", size)
        self.precompute_ref_logps = True

    def compute_ref_log_probs(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """(chosen, rejected), each (pairs,); fewer at a time where they do not fit."""
        width = inputs["input_ids"].shape[1]

        def run(pairs: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
            chosen, rejected = whole(model, take_pairs(inputs, pairs[0], pairs[-1] + 1))
            return chosen, rejected

        whole = super().compute_ref_log_probs
        every = range(len(inputs["input_ids"]) // 2)
        parts = self.room.in_parts("reference", every, run, lambda part: 2 * len(part) * width, "pair")
        found = [sides for _, sides in parts]
        self.callback_handler.on_substep_end(self.args, self.state, self.control)  # a sign of life
        return torch.cat([chosen for chosen, _ in found]), torch.cat([rejected for _, rejected in found])


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
