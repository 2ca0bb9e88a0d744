"""Checkpoints that appear whole or not at all, in front of any of TRL's trainers.

A kill in the middle of a save costs nothing, a full disk holds the run instead of ending it, and what counts more is
shown more often: what every stage that trains needs, and TRL leaves to its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.errors import NoSpaceError
from engine.stages.foresight import Foresight
from engine.stages.sampler import WeightedEpochs
from engine.store.atomic import require_space, staged

GROWTH, RESERVE = 1.3, 256 * 2**20  # a save begins only where this much room is left, of the last one and in bytes


class WholeCheckpoints(Foresight):
    """Stages each checkpoint beside its place and renames it; `on_checkpoint(step, path)` is told once it is durable.

    A mixin: `class MyTrainer(WholeCheckpoints, SFTTrainer)`. `weights` has one number a row of the training data, or
    none. Where the disk is full, `on_full_disk(words)` holds the run until there is room, and the save is tried again.
    """

    on_checkpoint: Callable[[int, Path], None]
    on_full_disk: Callable[[str], None]
    weights: Sequence[float] = ()
    _saved_bytes = 0
    _staging: str | None = None

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """The trainer's own shuffling, unless some rows count more than others or the longest come first."""
        if len(set(self.weights)) < 2:
            shuffled = super()._get_train_sampler(train_dataset)
            return self.longest_in_front([1.0] * len(self.train_dataset)) if self.widest_first else shuffled
        if len(self.weights) != len(self.train_dataset):
            raise ValueError(f"{len(self.weights)} weights for {len(self.train_dataset)} rows")
        if self.widest_first:
            return self.longest_in_front(self.weights)
        return WeightedEpochs(self.weights, self.args.seed)

    def _get_output_dir(self, trial: Any) -> str:
        return self._staging or super()._get_output_dir(trial)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """No model card in a checkpoint: the run's own log says where the weights come from."""

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """The adapter alone. A resume has its tokenizer already, and the arguments, a pickle, may hold a hub token."""
        self.model.save_pretrained(output_dir or self.args.output_dir, state_dict=state_dict)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        name = f"checkpoint-{self.state.global_step}"
        place = Path(self.args.output_dir) / name
        while not place.exists():
            try:
                require_space(place.parent, int(GROWTH * self._saved_bytes) + RESERVE)
                with staged(place) as staging:
                    self._write(model, trial, staging, name)
            except NoSpaceError as error:
                self.on_full_disk(str(error))
        self._saved_bytes = sum(item.stat().st_size for item in place.rglob("*") if item.is_file())
        self.on_checkpoint(self.state.global_step, place)

    def _write(self, model: Any, trial: Any, staging: Path, name: str) -> None:
        self._staging = str(staging)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._staging = None
        self._flatten(staging, name)

    @staticmethod
    def _flatten(staging: Path, name: str) -> None:
        """The trainer writes into `staging/checkpoint-N`; the manifest is of `staging` itself."""
        inner = staging / name
        for item in inner.iterdir():
            item.rename(staging / item.name)
        inner.rmdir()
