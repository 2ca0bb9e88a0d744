"""The training step that survives running out of memory, in front of any of transformers' trainers.

An error in the middle of a backward leaves part of a micro-batch in the gradients, which hold the sum of those before
it: they cannot be trusted. So the micro-batches since the last optimizer step are kept (token ids, a few KB); the
gradients go, and all of these are done again in smaller parts. Nothing is paid while everything fits.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engine.models.room import Room, free_memory, is_out_of_memory
from engine.stages.recovery import words
from engine.stages.recovery.ladder import Ladder, Plan, Shape
from engine.stages.recovery.meters import Meters
from engine.stages.recovery.pieces import in_pieces
from engine.stages.recovery.warm import warm

if TYPE_CHECKING:
    from transformers import Trainer
else:
    Trainer = object  # a mixin: the trainer behind it is whichever its subclass names

KEPT_AS = "recovery"
"""The ladder's place among a checkpoint's callback states, so that a resume knows what its dead attempt learnt."""


def learnt(checkpoint: Path) -> Ladder | None:
    """What the training of a checkpoint had learnt by then; None where everything fitted."""
    state = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    kept = (state.get("stateful_callbacks") or {}).get(KEPT_AS)
    return Ladder.parse(kept) if kept else None


@dataclass(frozen=True)
class MicroBatch:
    inputs: dict[str, Any]
    items: Any  # transformers' num_items_in_batch


class SurvivesOom(Trainer):  # type: ignore[misc]
    """A mixin: `class MyTrainer(SurvivesOom, WholeCheckpoints, DPOTrainer)`.

    `room` tells what is done instead and holds the run where nothing is left to do; `ladder` is what was learnt.
    Any trainer that calls `model(input_ids=…, …)` for outputs with a row for each row is served; one whose loss is a
    plain mean over parts of its batch says so by `parts_in` and `take`, and is served without a second forward.
    """

    room: Room = Room()
    ladder: Ladder = Ladder()
    _window: list[MicroBatch]
    _weight = 1.0
    _ready = False

    # -- what a subclass may know of its batches ------------------------------------------------------------------

    def parts_in(self, inputs: dict[str, Any]) -> int:
        """How many parts the loss is a plain mean of; 0 where it must see the whole batch."""
        return 0

    def take(self, inputs: dict[str, Any], start: int, end: int) -> dict[str, Any]:
        """Parts `start` to `end` of a batch, where `parts_in` finds some."""
        raise NotImplementedError

    def size_of(self, inputs: dict[str, Any]) -> tuple[int, int]:
        """(rows, width) of what the model is given at once."""
        rows, width = inputs["input_ids"].shape
        return rows, width

    # -- the step -------------------------------------------------------------------------------------------------

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        self._make_ready()
        if not self._window:
            self._meters.mark()
        self._window.append(MicroBatch(inputs, num_items_in_batch))
        loss = self._attempt(model, self._window[-1:])
        while loss is None:
            self._meters.rewind()
            loss = self._attempt(model, self._window)
        if self.accelerator.sync_gradients:  # an optimizer step comes next
            self._window = []
        return loss

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        found = super().compute_loss(*args, **kwargs)
        if self._weight == 1.0:
            return found
        return (found[0] * self._weight, *found[1:]) if isinstance(found, tuple) else found * self._weight

    def _make_ready(self) -> None:
        """Once a training, after a checkpoint was read: what it knows, and the optimizer's state."""
        if self._ready:
            return
        self._ready, self._window, self._meters = True, [], Meters(self)
        self.ladder = Ladder.parse(self.state.stateful_callbacks.get(KEPT_AS, {}))
        while not self._fits(partial(warm, self.optimizer)):
            self.room.hold(words.no_optimizer(self.args.optim))

    def _attempt(self, model: Any, batches: Sequence[MicroBatch]) -> torch.Tensor | None:
        """The last one's loss; None where memory ran out. Then everything is freed and the ladder is lower."""
        losses: list[torch.Tensor] = []
        for batch in batches:
            plan = self.ladder.plan(self._shape(batch.inputs))
            if not self._fits(partial(self._micro_step, model, batch, plan, losses)):
                self._step_down(batch.inputs, plan)
                return None
        return losses[-1]

    def _micro_step(self, model: Any, batch: MicroBatch, plan: Plan, losses: list[torch.Tensor]) -> None:
        """Forward and backward of a micro-batch; its loss goes to `losses`."""
        if plan.way == "pairs":
            losses.append(self._in_parts(model, batch, plan.count))
            return
        with in_pieces(model, plan.count) if plan.way == "pieces" else nullcontext():
            losses.append(super().training_step(model, batch.inputs, batch.items))

    def _in_parts(self, model: Any, batch: MicroBatch, count: int) -> torch.Tensor:
        """`count` parts at a time; each counts for its share, so that the sum of gradients is the whole batch's."""
        total, losses = self.parts_in(batch.inputs), []
        shares = [(i, min(i + count, total)) for i in range(0, total, count)]
        with self._meters.merging([(end - start) / total for start, end in shares]):
            for start, end in shares:
                with self._weighted((end - start) / total):
                    part = self.take(batch.inputs, start, end)
                    losses.append(super().training_step(model, part, batch.items))
        return torch.stack(losses).sum()

    @contextmanager
    def _weighted(self, weight: float) -> Iterator[None]:
        self._weight = weight
        try:
            yield
        finally:
            self._weight = 1.0

    # -- when it does not fit -------------------------------------------------------------------------------------

    def _fits(self, work: Callable[[], None]) -> bool:
        """Do it. False where memory ran out: then nothing of it is left in memory.

        What was computed hangs on the error and on its frames. So these are cleared, and memory is freed after the
        `except` has let go of the error.
        """
        try:
            work()
            return True
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)
        self.model.zero_grad(set_to_none=True)
        free_memory()
        return False

    def _step_down(self, inputs: dict[str, Any], tried: Plan) -> None:
        shape = self._shape(inputs)
        plan = None if getattr(self, "aux_loss_enabled", False) else self.ladder.lower(shape)
        if plan is None:
            self._keep()
            self.room.hold(words.no_room(shape, self.args, self.state.global_step))
            return
        self.state.stateful_callbacks[KEPT_AS] = self.ladder.as_json()
        self.room.tell(words.stepped_down(shape, tried, plan, self.state.global_step + 1))

    def _keep(self) -> None:
        """A checkpoint of the last whole step, so that a stop from here on loses nothing."""
        place = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        if self.state.global_step and not place.exists():
            self._save_checkpoint(self.model, None)

    def _shape(self, inputs: dict[str, Any]) -> Shape:
        rows, width = self.size_of(inputs)
        return Shape(rows, width, self.parts_in(inputs))
