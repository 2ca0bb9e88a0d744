"""Weights by iteration act alike on pairs, examples and prompts."""

from __future__ import annotations

import pytest

from engine.config.schema import DataConfig
from engine.data.task import Pair, Prompt
from engine.data.weighing import prompt_weights, weighted
from engine.records import Example

DATA = DataConfig(kinds={"kitchen": "safety"})


@pytest.mark.parametrize(("iteration", "safety", "helpful"), [(1, 2.0, 1.0), (4, 1.0, 1.0), (6, 1.0, 1.5)])
def test_safety_counts_double_first_and_helpfulness_more_later(iteration: int, safety: float, helpful: float) -> None:
    kinds = ("safety", "helpful", "kitchen", "")
    wanted = [safety, helpful, safety, 1.0]
    pairs = [Pair("p", "good", "bad", kind) for kind in kinds]
    examples = [Example("p", "good", kind) for kind in kinds]
    assert [pair.weight for pair in weighted(pairs, DATA, iteration)] == wanted
    assert [example.weight for example in weighted(examples, DATA, iteration)] == wanted
    assert prompt_weights([Prompt("p", kind) for kind in kinds], DATA, iteration) == wanted


def test_no_weight_of_before_counts() -> None:
    example = Example("p", "good", "safety", weight=7.0, quality=0.5)
    assert [each.weight for each in weighted([example], DATA, 1)] == [1.0]
