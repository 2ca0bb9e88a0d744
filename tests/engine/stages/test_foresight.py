"""The longest first and the forecast, with a trainer and a card that are played."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from datasets import Dataset

from engine.memory.torch_side import Meter
from engine.records import Forecast
from engine.stages.foresight import Foresight, batch_of, lengths_of
from engine.stages.sampler import LongestFirst, WeightedEpochs

LENGTHS = [3, 9, 1, 7, 5, 2, 8, 4]


def test_the_longest_come_first_in_the_first_epoch_only() -> None:
    sampler, plain = LongestFirst(WeightedEpochs([1.0] * 8, 7), LENGTHS, 2), WeightedEpochs([1.0] * 8, 7)
    assert list(sampler)[:2] == [1, 6]
    assert sorted(sampler) == list(range(8))
    for each in (sampler, plain):
        each.set_epoch(1)
    assert list(sampler) == list(plain)


def test_examples_are_as_long_as_their_longer_side() -> None:
    rows = [
        {"prompt_ids": [1] * 3, "chosen_ids": [1] * 4, "rejected_ids": [1] * 2, "text": "a"},
        {"prompt_ids": [1], "chosen_ids": [], "rejected_ids": [1] * 9, "text": "b"},
    ]
    assert lengths_of(Dataset.from_list(rows)) == [7, 10]
    assert lengths_of(Dataset.from_list(rows).filter(lambda row: row["text"] == "b")) == [10]
    assert lengths_of(Dataset.from_list([{"input_ids": [1] * 6}])) == [6]
    assert lengths_of(Dataset.from_list([{"text": "not tokenised"}])) == []


def test_a_batch_is_its_largest_table() -> None:
    inputs = {"input_ids": torch.zeros(4, 30), "weights": torch.zeros(4), "prompt_ids": torch.zeros(2, 9)}
    assert (batch_of(inputs).rows, batch_of(inputs).width) == (4, 30)


class Card:
    """A meter whose batches take 1000 bytes and 10 a token, until it fails."""

    def __init__(self) -> None:
        self.tokens = self.failed = 0

    def begin(self) -> int:
        return 5_000

    def peak(self) -> int:
        return 6_000 + 10 * self.tokens

    def failures(self) -> int:
        return self.failed


class Step:
    """A trainer's step, which only tells the card how much there was of it."""

    def training_step(self, model: Any, inputs: Any) -> float:
        if card := cast(Any, self).meter:
            card.tokens = inputs["input_ids"].numel()
        return 0.5


class Trainer(Foresight, Step):  # type: ignore[misc]
    def __init__(self) -> None:
        self.args = SimpleNamespace(max_length=64)  # type: ignore[assignment]
        self.train_dataset = Dataset.from_list([{"input_ids": [0] * n} for n in (10, 40, 90)])
        self.model = SimpleNamespace(config=SimpleNamespace(_attn_implementation="sdpa"))  # type: ignore[assignment]


@pytest.fixture
def told() -> list[Forecast]:
    return []


@pytest.fixture
def trainer(told: list[Forecast]) -> Trainer:
    made = Trainer()
    made.meter, made.on_forecast = cast(Meter, Card()), told.append
    return made


def test_each_batch_sharpens_the_forecast_of_the_longest(trainer: Trainer, told: list[Forecast]) -> None:
    for width in (10, 20, 64):
        assert trainer.training_step(None, {"input_ids": torch.zeros(2, width)}) == 0.5
    truth = 6_000 + 10 * 2 * 64
    assert [forecast.tokens for forecast in told] == [128, 128, 128]  # cut to max_length
    assert told[0].low <= truth <= told[0].high
    assert told[1].low == truth
    assert (told[2].low, told[2].high, told[2].certain) == (truth, truth, True)


def test_after_a_failure_nothing_is_foretold(trainer: Trainer, told: list[Forecast]) -> None:
    trainer.training_step(None, {"input_ids": torch.zeros(2, 10)})
    cast(Card, trainer.meter).failed = 1
    for _ in range(2):
        assert trainer.training_step(None, {"input_ids": torch.zeros(2, 20)}) == 0.5
    assert len(told) == 1


def test_off_cuda_only_the_config_puts_the_longest_first() -> None:
    for order, first in (("auto", False), ("never", False), ("always", True)):
        trainer = Trainer()
        trainer.args = SimpleNamespace(device=torch.device("cpu"))  # type: ignore[assignment]
        trainer.foresee(lambda _: None, order)
        assert (trainer.widest_first, trainer.meter) == (first, None)
