"""What TRL's trainers need to train one slot of the resident model and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from engine.config import check_setting
from engine.config.schema import RewardConfig, SftConfig
from engine.models.resident import Resident
from engine.models.slots import Slots
from engine.stages.boundary import Live
from engine.stages.checkpoints import WholeCheckpoints
from engine.stages.job import Job
from engine.stages.recovery.trainer import SurvivesOom


class SlotTrainer(SurvivesOom, WholeCheckpoints):
    """A mixin before any of TRL's trainers: its checkpoints hold one slot, and its head, instead of every adapter that
    the model has; and it survives running out of memory.
    """

    slots: Slots
    slot: str

    def fit_out(self, slots: Slots, slot: str, weights: Sequence[float]) -> None:
        """What TRL's constructors do not take. `weights` has one number a row."""
        self.slots, self.slot, self.weights = slots, slot, weights
        self.room = slots.resident.room
        self.remove_callback(PrinterCallback)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        self.slots.save(self.slot, Path(output_dir or self.args.output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        self.slots.load(self.slot, Path(resume_from_checkpoint))


@contextmanager
def in_training(slots: Slots, name: str, checkpointing: bool) -> Iterator[None]:
    """The slot acts, and it alone takes gradients, forward and backward alike."""
    with slots.trainable(name), slots.recomputing() if checkpointing else nullcontext(), slots.use(name):
        yield


def live(section: type[SftConfig | RewardConfig], then: str) -> Live:
    """The learning rate is all that can be turned while such a stage trains; its bounds are the section's own."""
    return Live(("learning_rate",), partial(check_setting, section=section), then)


def slot_arguments(job: Job, section: SftConfig | RewardConfig, folder: Path) -> dict[str, Any]:
    """What any of TRL's configs takes, under the names of transformers' TrainingArguments.

    Gradient checkpointing is `in_training`'s: a trainer would leave it on for the next one.
    """
    cuda = job.resident.device.type == "cuda"
    return {
        "output_dir": str(folder),
        "learning_rate": section.learning_rate,
        "max_steps": section.max_steps,
        "per_device_train_batch_size": section.batch_size,
        "gradient_accumulation_steps": section.accumulation,
        "max_length": None,  # rows come cut to length, so that none is dropped and each keeps its weight
        "lr_scheduler_type": section.scheduler,
        "warmup_steps": section.warmup_steps,
        "weight_decay": section.weight_decay,
        "max_grad_norm": job.config.training.max_grad_norm,
        "logging_steps": section.logging_steps,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": section.checkpoint_steps,
        "seed": job.seed,
        "bf16": cuda and job.resident.model.dtype.itemsize == 2,
        "use_cpu": not cuda,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": cuda,
        "disable_tqdm": True,
        "report_to": [],
    }


def longest(resident: Resident, max_length: int) -> int:
    """Tokens that a row may have: the config's limit, or the model's window where that is smaller."""
    return min(max_length, resident.window or max_length)
