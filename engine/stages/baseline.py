"""Before iteration 0: the model that the run starts from, on the device, with what it works on.

A named model is loaded. The demo's is made here: a tiny model is fine-tuned from nothing with TRL's SFTTrainer, shown
like any other training, and kept for the next start. It becomes part of iteration 0, so that a run needs nothing else.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from engine.config import RunConfig
from engine.data.build import DEMO, build_task
from engine.data.demo import BASELINE, demo_base, demo_key, sft_rows
from engine.data.task import DataReport
from engine.evaluation.capability import Capability
from engine.helm import Helm
from engine.judges.reward import require_classifier
from engine.models.load import load_resident
from engine.stages.aboard import aboard
from engine.stages.job import Crew, Job
from engine.store.atomic import staged, verify
from engine.store.cache import cached, keep
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths

MODEL = "model"
SHOWN_FAULTS = 5


def muster(paths: RunPaths, config: RunConfig, ledger: Ledger, helm: Helm, iteration: int) -> Crew:
    """Bring the model onto the device and read the data: once an engine, whatever the iteration it goes on with."""
    base = _demo_model(paths, config, ledger, helm) if config.model.name == DEMO else None
    helm.enter(iteration, "load", promise_s=900)
    capability = Capability.of(config.evaluation)  # first: a misspelt task is told before a large model is loaded
    if config.recipe == "rlhf" and config.reward.model:
        require_classifier(config.reward.model, "reward.model")
    resident = load_resident(config.model, config.training.seed, base)
    for note in resident.notes:
        ledger.event("model.note", note, "warn", iteration)
    resident.room.tell = lambda words: ledger.event("oom.split", words, "warn", helm.iteration, helm.step)
    resident.room.hold = helm.hold
    if base is not None:  # where adapters will find their base, once iteration 0 is published
        resident.model.peft_config["default"].base_model_name_or_path = str(paths.iteration(0) / MODEL)
    task = build_task(config, resident, aboard(paths, config, resident))
    if task.report is not None and iteration == 0:
        _tell(task.report, ledger)
    return Crew(resident, task, capability)


def adapter(job: Job) -> dict[str, Any]:
    """The baseline's adapter: one that changes nothing yet, so that every iteration starts from an adapter on disk."""
    job.resident.reset_policy(job.config.training.seed)
    shutil.rmtree(job.work / "adapter", ignore_errors=True)
    with staged(job.work / "adapter") as folder:
        job.resident.save_policy(folder)
    return {}


def _tell(report: DataReport, ledger: Ledger) -> None:
    """The story of a file's records, each fault with its line."""
    level = "warn" if report.bad or report.left_over else "info"
    alone = f", {report.left_over} labelled answers without a counterpart" if report.left_over else ""
    ledger.event("data.read", f"{report.source}: {report.kept} pairs, {len(report.bad)} left out{alone}", level, 0)
    for line, problem in report.bad[:SHOWN_FAULTS]:
        ledger.event("data.bad", f"line {line}: {problem}", "warn", 0)
    if len(report.bad) > SHOWN_FAULTS:
        ledger.event("data.bad", f"… and {len(report.bad) - SHOWN_FAULTS} more", "warn", 0)


def _demo_model(paths: RunPaths, config: RunConfig, ledger: Ledger, helm: Helm) -> Path:
    """The folder of the demo's trained baseline: this run's own, else out of the cache, else trained now."""
    published = paths.iteration(0) / MODEL
    if published.exists():
        verify(published)
        return published
    place, seed = paths.work(0) / MODEL, config.training.seed
    if "sft" in ledger.stages(0):
        return place
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    known = cached(f"demo-{demo_key(seed)}")
    began, held = time.monotonic(), helm.total_held_s
    if known is not None:
        shutil.copytree(known, place)
        ledger.event("sft.cached", "the demo's baseline was trained at an earlier start and is used again", "info", 0)
        steps = 0
    else:
        _fine_tune(place, seed, ledger, helm)
        keep(f"demo-{demo_key(seed)}", place)
        steps = BASELINE.max_steps
    seconds = time.monotonic() - began - (helm.total_held_s - held)
    ledger.stage_done(0, "sft", {"seconds": seconds, "steps": steps, "cached": known is not None})
    return place


def _fine_tune(place: Path, seed: int, ledger: Ledger, helm: Helm) -> None:
    helm.enter(0, "sft", "step", promise_s=300)
    model, tokenizer = demo_base(seed)
    trainer = SFTTrainer(
        model=model,
        args=_sft_arguments(place, seed),
        train_dataset=Dataset.from_list(sft_rows(seed)),
        processing_class=tokenizer,
        callbacks=[Progress(ledger, helm)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    with staged(place) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _sft_arguments(place: Path, seed: int) -> SFTConfig:
    return SFTConfig(
        output_dir=str(place.parent / "checkpoints"),
        max_steps=BASELINE.max_steps,
        per_device_train_batch_size=BASELINE.batch_size,
        learning_rate=BASELINE.learning_rate,
        lr_scheduler_type=BASELINE.scheduler,
        warmup_steps=BASELINE.warmup_steps,
        weight_decay=0.0,
        max_length=BASELINE.max_length,
        logging_steps=2,
        save_strategy="no",
        seed=seed,
        bf16=False,
        use_cpu=True,  # a model this small gains nothing on a card, and the cache is the same everywhere
        gradient_checkpointing=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to=[],
    )


class Progress(TrainerCallback):  # type: ignore[misc]
    """Streams the baseline's metrics. Killed, this training starts over: it is shorter than a checkpoint is worth."""

    def __init__(self, ledger: Ledger, helm: Helm) -> None:
        self._ledger, self._helm = ledger, helm
        self._recorded = ledger.last_recorded_step(0) or 0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._helm.step = state.global_step
        self._helm.progress(state.global_step, state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if logs and "loss" in logs and state.global_step > self._recorded:
            values = {name: float(value) for name, value in logs.items() if isinstance(value, int | float)}
            self._ledger.record(0, state.global_step, time.time(), values)
