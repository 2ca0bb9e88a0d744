"""TRL's DPOTrainer on the resident model, with checkpoints that appear whole or not at all.

Three things that TRL leaves to its caller are settled here: which model is the reference, what one trainer leaves
behind on the shared base for the next, and that a kill in the middle of a save costs nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback
from trl import DPOConfig, DPOTrainer

from engine.config.schema import RunConfig
from engine.data.task import Pair
from engine.errors import NoSpaceError
from engine.models.resident import Resident
from engine.stages.sampler import WeightedEpochs
from engine.store.atomic import require_space, staged

REFERENCE_ADAPTER = "ref"
GROWTH, RESERVE = 1.3, 256 * 2**20  # a save begins only where this much room is left, of the last one and in bytes


class WholeCheckpoints(DPOTrainer):  # type: ignore[misc]
    """Stages each checkpoint beside its place and renames it; `on_checkpoint(step, path)` is told once it is durable.

    Where the disk is full, `on_full_disk(words)` holds the run until there is room, and the save is tried again.
    """

    on_checkpoint: Callable[[int, Path], None]
    on_full_disk: Callable[[str], None]
    weights: Sequence[float] = ()
    _saved_bytes = 0
    _staging: str | None = None

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """The trainer's own shuffling, unless some pairs count more than others."""
        if len(set(self.weights)) < 2:
            return super()._get_train_sampler(train_dataset)
        if len(self.weights) != len(self.train_dataset):
            raise ValueError(f"{len(self.weights)} weights for {len(self.train_dataset)} pairs")
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


def build_trainer(
    resident: Resident, pairs: Sequence[Pair], config: RunConfig, work: Path, seed: int, callback: TrainerCallback
) -> WholeCheckpoints:
    """A trainer of the policy now in `resident`, against the baseline or against that same policy (the parent).

    TRL copies the adapter that it is given into a frozen adapter `ref`. That copy *is* the parent. For the baseline it
    goes, since TRL then takes the base with its adapters disabled. Pairs are shown as often as their weights say.
    """
    trainer = WholeCheckpoints(
        model=resident.model,
        args=dpo_arguments(config, resident, work, seed),
        train_dataset=Dataset.from_list([pair.row() for pair in pairs]),
        processing_class=resident.tokenizer,
        callbacks=[callback],
    )
    trainer.weights = [pair.weight for pair in pairs]
    trainer.remove_callback(PrinterCallback)
    if config.training.reference == "base":
        resident.model.delete_adapter(REFERENCE_ADAPTER)
    return trainer


def dpo_arguments(config: RunConfig, resident: Resident, work: Path, seed: int) -> DPOConfig:
    settings = config.training
    cuda = resident.device.type == "cuda"
    return DPOConfig(
        output_dir=str(work),
        beta=settings.beta,
        learning_rate=settings.learning_rate,
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        max_length=settings.max_length,
        loss_type=[settings.loss_type],
        lr_scheduler_type=settings.scheduler,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        logging_steps=settings.logging_steps,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=settings.checkpoint_steps,
        seed=seed,
        bf16=cuda and resident.model.dtype.itemsize == 2,
        use_cpu=not cuda,
        gradient_checkpointing=config.model.gradient_checkpointing,
        dataloader_pin_memory=cuda,
        disable_tqdm=True,
        report_to=[],
    )


def release(resident: Resident) -> None:
    """Take off the shared model what a trainer left on it, so that the next trainer starts from a clean one.

    TRL refuses a model that still has an adapter `ref`, and wraps the base's `forward` again for each trainer.
    """
    if REFERENCE_ADAPTER in resident.model.peft_config:
        resident.model.delete_adapter(REFERENCE_ADAPTER)
    resident.model.get_base_model().__dict__.pop("forward", None)
    gc.collect()
