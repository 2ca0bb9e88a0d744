"""Training whose steps do not fit in memory: the gradients are those of a larger card."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import bitsandbytes
import pytest
import torch
from transformers import TrainerCallback

from engine.config import RunConfig, with_settings
from engine.data.task import Pair
from engine.errors import ModelError, TrainingError
from engine.helm import Stopped
from engine.models.resident import Resident
from engine.stages.recovery import Ladder, learnt
from engine.stages.recovery.warm import warm
from engine.stages.trainer import build_trainer, release
from engine.store.atomic import verify
from tests.fixtures.tight import Card, Fits, tight

BATCH = {"batch_size": 4, "accumulation": 3, "max_steps": 2, "max_grad_norm": 1e9, "logging_steps": 1}


@pytest.fixture(scope="module", autouse=True)
def _quick_collection() -> Iterator[None]:
    """As in the engine, what is loaded is not gone through when garbage is collected."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def pairs(pairs: list[Pair]) -> list[Pair]:
    """Sides of other lengths, so that parts are narrower than their batch."""
    longer = " my lamp is broken , please reset it ."
    return [
        Pair(each.prompt, each.chosen + longer * (i % 3), each.rejected + longer * (i % 2))
        for i, each in enumerate(pairs)
    ]


class Gradients(TrainerCallback):
    """Each optimizer step's gradients, and what was logged."""

    def __init__(self) -> None:
        self.steps: list[dict[str, torch.Tensor]] = []
        self.logs: list[dict[str, float]] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self.steps.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" in logs:
            self.logs.append(dict(logs))


def always(rows: int, width: int) -> bool:
    return True


Trained = tuple[Gradients, Any, list[str]]
Larger = Callable[..., tuple[Gradients, list[str]]]


@pytest.fixture
def train(
    resident: Resident, moved: Path, pairs: list[Pair], config: RunConfig, tmp_path: Path
) -> Callable[..., Trained]:
    """Train from the same parent on a card where `fits`; (gradients, trainer, what was told)."""

    def run(
        fits: Fits = always, when: str = "forward", prepare: Any = None, resume: Path | None = None, **settings: Any
    ) -> Trained:
        resident.load_policy(moved)
        told: list[str] = []
        resident.room.tell, seen = told.append, Gradients()
        chosen = with_settings(config, {**BATCH, **settings})
        try:
            with tight(resident.model, fits, when) as card:
                trainer = build_trainer(resident, pairs, chosen, tmp_path / "out", 7, seen)
                trainer.on_checkpoint = lambda *_: None
                if prepare:
                    prepare(trainer, card)
                trainer.train(resume_from_checkpoint=str(resume) if resume else None)
        finally:
            release(resident)
        return seen, trainer, told

    return run


_KNOWN: dict[tuple[tuple[str, Any], ...], tuple[Gradients, list[str]]] = {}


@pytest.fixture
def larger(train: Callable[..., Trained]) -> Larger:
    """The same training on a card where everything fits, done once for all tests: (gradients, what was told)."""

    def run(**settings: Any) -> tuple[Gradients, list[str]]:
        key = tuple(sorted(settings.items()))
        if key not in _KNOWN:
            seen, _, told = train(**settings)
            _KNOWN[key] = seen, told
        return _KNOWN[key]

    return run


def distance(mine: Gradients, other: Gradients) -> float:
    """The largest relative difference of any step's gradient, all parameters taken together."""
    assert len(mine.steps) == len(other.steps) > 0
    worst = 0.0
    for a, b in zip(mine.steps, other.steps, strict=True):
        assert a.keys() == b.keys()
        apart = sum(float((a[n] - b[n]).double().pow(2).sum()) for n in a) ** 0.5
        worst = max(worst, apart / sum(float(b[n].double().pow(2).sum()) for n in b) ** 0.5)
    return worst


@pytest.mark.parametrize(
    ("rows", "when"),
    [(4, "forward"), pytest.param(2, "backward", marks=pytest.mark.slow), (1, "backward")],
)
def test_gradients_are_those_of_a_larger_card(
    train: Callable[..., Trained], larger: Larger, when: str, rows: int
) -> None:
    whole, silence = larger()
    parts, trainer, told = train(lambda count, _: count <= rows, when)
    assert distance(parts, whole) < 1e-5
    assert silence == []
    assert len(told) == trainer.ladder.steps > 0
    assert trainer.ladder.least == rows // 2
    for mine, other in zip(parts.logs, whole.logs, strict=True):
        assert mine.keys() == other.keys()
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert mine["num_tokens"] == other["num_tokens"]
        assert mine["rewards/margins"] == pytest.approx(other["rewards/margins"], rel=1e-3, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["ipo", "hinge", "robust", "bco_pair", "aot", "sft", "kto", "orpo", "rrhf"])
def test_every_loss_keeps_its_gradients(train: Callable[..., Trained], larger: Larger, loss: str) -> None:
    settings = {"loss_type": loss, "max_steps": 1, "batch_size": 2, "accumulation": 2}
    whole, _ = larger(**settings)
    rows, _, told = train(lambda count, _: count <= 1, "backward", **settings)
    assert distance(rows, whole) < 1e-5
    assert told


@pytest.mark.slow
class TestWhatIsLearnt:
    def test_a_size_that_failed_is_not_tried_again(self, train: Callable[..., Trained]) -> None:
        cards: list[Card] = []
        _, trainer, told = train(lambda rows, _: rows <= 4, prepare=lambda _, card: cards.append(card))
        assert cards[0].failures == trainer.ladder.steps == len(told) == 1
        assert told[0].startswith("step 1: 4 pairs of ")
        assert told[0].endswith(
            " tokens a side at once did not fit in memory; 2 pairs at a time from here on; "
            "the batch and its gradients stay the same"
        )

    def test_a_checkpoint_keeps_it(self, train: Callable[..., Trained], tmp_path: Path) -> None:
        assert learnt(self.saved(train, tmp_path)) == Ladder(tokens=ANY, steps=2, least=1, divisible=True)

    def test_a_resume_does_not_learn_it_again(self, train: Callable[..., Trained], tmp_path: Path) -> None:
        folder = self.saved(train, tmp_path)
        again, trainer, told = train(lambda rows, _: rows <= 2, resume=folder, max_steps=2)
        assert (told, trainer.ladder.least, len(again.steps)) == ([], 1, 1)

    def test_a_larger_card_leaves_no_trace(self, train: Callable[..., Trained], tmp_path: Path) -> None:
        train(max_steps=1)
        assert learnt(tmp_path / "out" / "checkpoint-1") is None

    @staticmethod
    def saved(train: Callable[..., Trained], tmp_path: Path) -> Path:
        train(lambda rows, _: rows <= 2, max_steps=1)
        (tmp_path / "out").rename(tmp_path / "first")
        return tmp_path / "first" / "checkpoint-1"


@pytest.mark.slow
class TestWhereNothingFits:
    @staticmethod
    def rescue(held: list[str], fits: Fits) -> Callable[[Any, Card], None]:
        """An operator who frees memory when the run holds."""

        def prepare(trainer: Any, card: Card) -> None:
            def hold(words: str) -> None:
                held.append(words)
                card.fits = fits

            trainer.room.hold = hold

        return prepare

    def test_the_run_holds_with_words_and_then_loses_nothing(
        self, train: Callable[..., Trained], larger: Larger
    ) -> None:
        whole, _ = larger()
        held: list[str] = []
        after, _, _ = train(lambda *_: False, prepare=self.rescue(held, lambda rows, _: rows <= 4))
        assert distance(after, whole) < 1e-5
        assert len(held) == 1
        assert re.match(
            r"step 1: one sequence of \d+ tokens does not fit in memory, even alone; .* are kept\.", held[0]
        )
        assert "What would fit: model.gradient_checkpointing: true, " in held[0]

    def test_what_was_trained_is_on_disk_before_it_holds(self, train: Callable[..., Trained], tmp_path: Path) -> None:
        class Fills(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                cards[0].fits = lambda *_: False

        cards: list[Card] = []
        places: list[list[str]] = []

        def prepare(trainer: Any, card: Card) -> None:
            def hold(_: str) -> None:
                places.append(sorted(path.name for path in (tmp_path / "out").iterdir()))
                raise Stopped

            cards.append(card)
            trainer.add_callback(Fills())
            trainer.room.hold = hold

        with pytest.raises(Stopped):
            train(prepare=prepare, checkpoint_steps=50)
        assert places == [["checkpoint-1"]]
        verify(tmp_path / "out" / "checkpoint-1")

    def test_a_mixture_of_experts_is_not_cut(self, train: Callable[..., Trained]) -> None:
        """Its balancing loss is of the whole batch, and would be another one in parts."""
        held: list[str] = []

        def prepare(trainer: Any, card: Card) -> None:
            def hold(words: str) -> None:
                held.append(words)
                card.fits, trainer.aux_loss_enabled = always, False

            trainer.aux_loss_enabled, trainer.room.hold = True, hold

        _, trainer, told = train(lambda *_: False, prepare=prepare, max_steps=1)
        assert (len(held), told, trainer.ladder.steps) == (1, [], 0)


class TestOptimizer:
    @pytest.mark.parametrize("make", [torch.optim.AdamW, bitsandbytes.optim.AdamW8bit, bitsandbytes.optim.AdamW])
    def test_a_warm_state_changes_nothing(self, make: Any) -> None:
        def trained(warmed: bool) -> list[torch.Tensor]:
            torch.manual_seed(0)
            layer = torch.nn.Linear(128, 64)
            optimizer = make(layer.parameters(), lr=0.1, weight_decay=0.1)
            if warmed:
                warm(optimizer)
                assert set(optimizer.state) == set(layer.parameters())
            for _ in range(3):
                layer(torch.randn(4, 128)).pow(2).sum().backward()
                optimizer.step()
                optimizer.zero_grad()
            return [parameter.detach().clone() for parameter in layer.parameters()]

        assert all(torch.equal(*both) for both in zip(trained(True), trained(False), strict=True))

    def test_a_state_that_is_there_stays(self) -> None:
        layers = torch.nn.ModuleList([torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)])
        optimizer = torch.optim.AdamW(layers.parameters(), lr=0.1)
        layers[0](torch.randn(2, 4)).sum().backward()
        optimizer.step()
        before = {p: {k: v.clone() for k, v in optimizer.state[p].items()} for p in layers[0].parameters()}
        weights = [p.detach().clone() for p in layers.parameters()]
        warm(optimizer)
        assert all(torch.equal(*both) for both in zip(weights, layers.parameters(), strict=True))
        assert all(torch.equal(v, optimizer.state[p][k]) for p, state in before.items() for k, v in state.items())
        assert [float(optimizer.state[p]["step"]) for p in layers.parameters()] == [1, 1, 0, 0]

    def test_one_that_does_not_fit_holds_before_anything_is_trained(
        self, train: Callable[..., Trained], larger: Larger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole, _ = larger(max_steps=1)
        held: list[str] = []
        zeros = torch.zeros_like

        def allocate(tensor: torch.Tensor, **options: Any) -> torch.Tensor:
            if isinstance(tensor, torch.nn.Parameter) and not held:
                raise torch.OutOfMemoryError("CUDA out of memory. (injected)")
            return zeros(tensor, **options)

        def prepare(trainer: Any, _: Card) -> None:
            trainer.room.hold = held.append

        monkeypatch.setattr(torch, "zeros_like", allocate)
        after, _, _ = train(prepare=prepare, max_steps=1)
        assert distance(after, whole) == 0
        assert len(held) == 1
        assert held[0].startswith(
            "the optimizer's state does not fit in memory beside the model; nothing was trained yet."
        )
        assert "training.optimizer: adamw_8bit" in held[0]


@pytest.mark.slow
class TestPrecomputedReference:
    @pytest.mark.parametrize("reference", ["base", "parent"])
    def test_it_is_the_same_training_without_its_forward(
        self, train: Callable[..., Trained], larger: Larger, reference: str
    ) -> None:
        settings = {"reference": reference, "max_steps": 1}
        during, _ = larger(**settings)
        before, trainer, told = train(lambda rows, _: rows <= 4, **settings, precompute_reference=True)
        assert distance(before, during) < 1e-5
        assert before.logs[0]["rewards/margins"] == pytest.approx(during.logs[0]["rewards/margins"], rel=1e-4, abs=1e-6)
        assert told[0].startswith("reference: 4 pairs (")
        assert "ref_chosen_logps" in trainer.train_dataset.column_names

    def test_kto_refuses_it(self, train: Callable[..., Trained]) -> None:
        with pytest.raises(TrainingError, match="does not go with kto"):
            train(loss_type="kto", precompute_reference=True)


@pytest.mark.slow
def test_an_8_bit_optimizer_trains(train: Callable[..., Trained], resident: Resident) -> None:
    seen, trainer, _ = train(optimizer="adamw_8bit", max_steps=1)
    assert type(trainer.optimizer.optimizer) is bitsandbytes.optim.AdamW
    assert seen.logs[0]["grad_norm"] > 0
    with pytest.raises(ModelError, match="needs a CUDA card"):
        train(optimizer="paged_adamw_8bit")
