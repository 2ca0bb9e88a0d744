"""Between the steps of a real trainer: live settings act on the next step, replay at their own, and NaN stops it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.config import RunConfig, with_settings
from engine.data.task import Pair
from engine.errors import ConfigError, TrainingError
from engine.models.resident import Resident
from engine.stages.boundary import Boundary
from engine.stages.trainer import build_trainer, release
from engine.store.rows import Applied, Command


class Book:
    """A ledger of metric rows, by step."""

    def __init__(self, recorded: int | None = None) -> None:
        self.rows: dict[int, dict[str, float]] = {}
        self._recorded = recorded

    def last_recorded_step(self, _iteration: int) -> int | None:
        return self._recorded

    def record(self, iteration: int, step: int, t: float, values: dict[str, float]) -> None:
        self.rows.setdefault(step, {}).update(values)


class Hand:
    """A helm on which a test turns knobs at chosen steps."""

    def __init__(self, at: dict[int, Callable[[Any], object]] | None = None) -> None:
        self.at = at or {}
        self.knobs: Any = None
        self.replaying = False
        self.replayed: list[int] = []
        self.step = 0

    def progress(self, done: int, total: int) -> None:
        if self.replaying:
            self.replayed.append(done)
        if done in self.at:
            self.at[done](self.knobs)

    def beat(self) -> None: ...


class Ruler:
    """A KL probe that costs a known share of a step and says how often it was asked."""

    def __init__(self, cost_s: float) -> None:
        self.cost_s, self.asked = 0.0, 0
        self._cost = cost_s

    def measure(self) -> float:
        self.asked += 1
        self.cost_s = self._cost
        return 0.05


@pytest.fixture
def run(resident: Resident, pairs: list[Pair], config: RunConfig, tmp_path: Path) -> Callable[..., tuple[Book, Hand]]:
    """Train 6 steps at a constant rate from the same weights each time."""
    resident.save_policy(tmp_path / "start")

    def train(hand: Hand | None = None, book: Book | None = None, resume: str = "", **more: Any) -> tuple[Book, Hand]:
        hand, book = hand or Hand(), book or Book()
        settings = with_settings(config, {"max_steps": 6, "scheduler": "constant", "checkpoint_steps": 2})
        resident.load_policy(tmp_path / "start")
        boundary = Boundary(
            book,  # type: ignore[arg-type]
            hand,  # type: ignore[arg-type]
            more.pop("probe", None),
            iteration=1,
            first_step=100,
            settings=settings.training.model_dump(mode="json"),
            probe_share=more.pop("share", 0.0),
            **more,
        )
        trainer = build_trainer(resident, pairs, settings, tmp_path / "out", 7, boundary)
        trainer.on_checkpoint = lambda *_: None
        boundary.attach(trainer)
        try:
            trainer.train(resume_from_checkpoint=str(tmp_path / "out" / resume) if resume else None)
        finally:
            release(resident)
        return book, hand

    return train


def applied(kind: Any, step: int, **arg: Any) -> Applied:
    return Applied(Command(step, str(step), kind, arg), 0.0, True, "", 1, step, 1)


def losses(book: Book) -> list[float]:
    return [row["loss"] for _, row in sorted(book.rows.items())]


def test_rows_are_filed_under_run_wide_steps(run: Any) -> None:
    book, _ = run()
    assert sorted(book.rows) == [101, 102, 103, 104, 105, 106]
    assert {"loss", "grad_norm", "rewards/accuracies", "rewards/margins"} <= book.rows[101].keys()


def test_a_learning_rate_acts_from_the_next_step(run: Any) -> None:
    book, _ = run(Hand({3: lambda knobs: knobs.turn({"learning_rate": 5e-4})}))
    rates = [row["learning_rate"] for _, row in sorted(book.rows.items())]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-3, 5e-4, 5e-4, 5e-4])


def test_beta_acts_and_is_reported(run: Any) -> None:
    plain, _ = run()
    book, hand = run(Hand({3: lambda knobs: knobs.turn({"beta": 0.5})}))
    assert losses(book)[:3] == losses(plain)[:3]
    assert losses(book)[3] != losses(plain)[3]
    assert hand.knobs.in_force() == {"learning_rate": 1e-3, "beta": 0.5}


@pytest.mark.parametrize(("wanted", "words"), [({"max_steps": 5}, "cannot change while training"), ({"beta": 7}, "7")])
def test_what_cannot_be_set_changes_nothing(run: Any, wanted: dict[str, Any], words: str) -> None:
    refused: list[str] = []

    def turn(knobs: Any) -> None:
        with pytest.raises(ConfigError, match=words) as error:
            knobs.turn({"learning_rate": 5e-4, **wanted})
        refused.append(str(error.value))

    _, hand = run(Hand({2: turn}))
    assert refused
    assert hand.knobs.in_force() == {"learning_rate": 1e-3, "beta": 0.1}


def test_the_gate_now_ends_training_with_a_checkpoint(run: Any, tmp_path: Path) -> None:
    book, hand = run(Hand({3: lambda knobs: knobs.finish()}))
    assert max(book.rows) == 103
    assert hand.knobs.finished
    assert (tmp_path / "out" / "checkpoint-3" / "MANIFEST.json").exists()


def test_a_killed_attempt_is_replayed_with_its_live_changes(run: Any) -> None:
    """Killed after step 5, whose checkpoint is step 4's; the rate had been turned to act on step 4, beta on step 6."""
    turns = {3: lambda knobs: knobs.turn({"learning_rate": 5e-4}), 5: lambda knobs: knobs.turn({"beta": 0.5})}
    whole, _ = run(Hand(turns))
    past = [applied("set", 104, learning_rate=5e-4), applied("set", 106, beta=0.5)]
    rest, hand = run(book=Book(recorded=105), resume="checkpoint-4", past=past)
    assert rest.rows.keys() == {106}
    expected = {**whole.rows[106], "num_tokens": rest.rows[106]["num_tokens"]}  # TRL counts tokens anew after a resume
    assert rest.rows[106] == expected
    assert hand.replayed == [4]
    assert hand.knobs.in_force() == {"learning_rate": 5e-4, "beta": 0.5}


def test_a_change_before_the_first_checkpoint_is_replayed_from_the_start(run: Any) -> None:
    whole, _ = run(Hand({1: lambda knobs: knobs.turn({"learning_rate": 5e-4})}))
    again, _ = run(past=[applied("set", 102, learning_rate=5e-4)])
    assert losses(again) == losses(whole)


def test_a_loss_that_is_not_finite_stops_the_training_and_is_on_record(run: Any, resident: Resident) -> None:
    def poison(_knobs: Any) -> None:
        with torch.no_grad():
            next(p for n, p in resident.model.named_parameters() if "lora_B" in n).fill_(float("nan"))

    book = Book()
    with pytest.raises(TrainingError, match=r"loss nan.*at step 3"):
        run(Hand({2: poison}), book)
    assert book.rows[103]["loss"] != book.rows[103]["loss"]


def test_the_kl_probe_keeps_to_its_share_of_the_time(run: Any) -> None:
    """A clock of one second a reading makes a step cost one second: a probe of 40 ms at 2 % is due every other one."""
    ticks = iter(range(1000))
    ruler = Ruler(0.04)
    book, _ = run(probe=ruler, share=0.02, clock=lambda: float(next(ticks)))
    assert ruler.asked == 3
    assert [step for step, row in sorted(book.rows.items()) if "kl_probe" in row] == [101, 104, 106]
