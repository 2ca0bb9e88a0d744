"""Train the policy on the iteration's pairs by `training.loss_type`: DPO (Rafailov et al., arXiv 2305.18290), one of
its descendants, KTO, ORPO or RRHF.

In: `pairs.jsonl` in the work folder, the parent's adapter. Out: `adapter/` and `training/` (optimizer, schedule, random
state) in the work folder. It resumes from its last whole checkpoint, on the same trajectory where the device is
deterministic. It leaves judging the result to `evaluate`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.config import check_setting
from engine.config.schema import TrainingConfig
from engine.errors import CorruptError
from engine.evaluation.probe import KlProbe
from engine.records.objectives import mixture
from engine.stages.boundary import Boundary, Live
from engine.stages.checkpoints import WholeCheckpoints
from engine.stages.job import Job
from engine.stages.pairs import PAIRS, read_pairs
from engine.stages.recovery import learnt
from engine.stages.trainer import build_trainer, release
from engine.store.atomic import staged, verify
from engine.store.rows import Applied

KEPT_CHECKPOINTS = 2
STATE_FILES = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


def run(job: Job) -> dict[str, Any]:
    job.helm.enter(job.index, "dpo", "step", promise_s=300)
    past = job.ledger.replayable(job.index, job.first_step)
    checkpoint = find_checkpoint(job)
    if checkpoint is None or not _is_final(job, checkpoint[0], past):
        checkpoint = _train(job, checkpoint, past)
    step, folder = checkpoint
    _keep(job, folder)
    return {"steps": step, "settings": _settings_at_end(job), **_split(folder)}


def _train(job: Job, checkpoint: tuple[int, Path] | None, past: Sequence[Applied]) -> tuple[int, Path]:
    job.resident.load_policy(job.parent_adapter)
    boundary = Boundary(
        job.ledger,
        job.helm,
        _probe(job),
        iteration=job.index,
        first_step=job.first_step,
        settings=job.config.training.model_dump(mode="json"),
        probe_share=job.config.evaluation.kl_probe_share,
        past=past,
        live=live_settings(job.config.training.loss_type),
    )
    if not checkpoint:
        job.say("objective", words_of(job.config.training))
    try:
        pairs = read_pairs(job.work / PAIRS)
        trainer = build_trainer(job.resident, pairs, job.config, job.paths.checkpoints(job.index), job.seed, boundary)
        fingerprint = fingerprint_of(job)
        trainer.on_checkpoint = lambda step, path: _checkpointed(job, step, path, fingerprint)
        trainer.on_full_disk = job.helm.hold
        trainer.foresee(job.helm.foresee, job.config.memory.longest_first)
        boundary.attach(trainer)
        trainer.train(resume_from_checkpoint=str(checkpoint[1]) if checkpoint else None)
    finally:
        job.helm.knobs, job.helm.replaying = None, False
        release(job.resident)
    job.helm.obey()  # a stop that came while training unwinds here, its checkpoint saved
    return _last(trainer)


def live_settings(loss_type: str) -> Live:
    """What may be turned while this objective trains: beta only where it has one."""
    objective = mixture(loss_type)
    if objective.beta:
        return Live()
    return Live(("learning_rate",), refused={"beta": f"{objective.name} has no beta: nothing would change"})


def words_of(settings: TrainingConfig) -> str:
    """What trains the policy, and what holds it."""
    objective = mixture(settings.loss_type)
    held = f"reference: {settings.reference}" if objective.reference else "no reference; KL to the baseline is measured"
    return f"objective {objective.cited}; {held}"


def _last(trainer: WholeCheckpoints) -> tuple[int, Path]:
    step = trainer.state.global_step
    return step, Path(trainer.args.output_dir) / f"checkpoint-{step}"


def _probe(job: Job) -> KlProbe | None:
    if not job.config.evaluation.kl_probe_share:
        return None
    settings = job.config.evaluation
    prompts = [prompt.content for prompt in job.task.eval_prompts[: settings.kl_probe_prompts]]
    return KlProbe(job.resident, prompts, seed=settings.seed, max_new_tokens=settings.kl_probe_tokens)


def _is_final(job: Job, step: int, past: Sequence[Applied]) -> bool:
    """Whether training had ended at this checkpoint: at its last step, or because an operator asked for the gate."""
    ended = any(row.command.kind == "gate" and (row.step or 0) <= job.first_step + step + 1 for row in past)
    return ended or step >= job.config.training.max_steps


def find_checkpoint(job: Job) -> tuple[int, Path] | None:
    """The ledger's newest checkpoint of this very config and data, verified; else None and training starts afresh."""
    row = job.ledger.latest_checkpoint(job.index)
    if row is None:
        return None
    run_step, name, fingerprint = row
    step = run_step - job.first_step
    folder = job.paths.checkpoints(job.index) / name
    try:
        verify(folder)
    except CorruptError as error:
        job.say("checkpoint.torn", f"{error.message}; training starts again from the parent", "warn")
        return None
    if fingerprint != fingerprint_of(job):
        job.say("checkpoint.other", "the checkpoint is of other settings or data; starting from the parent", "warn")
        return None
    job.say("checkpoint.found", f"continuing from step {step}")
    return step, folder


def fingerprint_of(job: Job) -> str:
    """A checkpoint may be resumed only by the settings, the seed and the data that it was made with."""
    digest = hashlib.sha256(json.dumps(job.config.training.model_dump(mode="json"), sort_keys=True).encode())
    digest.update((job.work / PAIRS).read_bytes())
    return digest.hexdigest()


def _checkpointed(job: Job, step: int, folder: Path, fingerprint: str) -> None:
    job.ledger.checkpoint(job.index, job.first_step + step, folder.name, fingerprint)
    size = sum(item.stat().st_size for item in folder.iterdir() if item.is_file())
    job.say("checkpoint", f"step {step}: checkpoint, {size / 1e6:.1f} MB")
    for old in _by_step(folder.parent)[:-KEPT_CHECKPOINTS]:
        shutil.rmtree(old, ignore_errors=True)


def _by_step(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))


def _keep(job: Job, checkpoint: Path) -> None:
    """The trained adapter and the state beside it, out of the last checkpoint, as the iteration will keep them."""
    job.resident.load_policy(checkpoint)
    for name in ("adapter", "training"):
        shutil.rmtree(job.work / name, ignore_errors=True)  # of an attempt that died before it said that it was done
    with staged(job.work / "adapter") as folder:
        job.resident.save_policy(folder)
    with staged(job.work / "training") as folder:
        for name in STATE_FILES:
            if (checkpoint / name).exists():
                shutil.copyfile(checkpoint / name, folder / name)


def _split(checkpoint: Path) -> dict[str, Any]:
    """How the training was cut to fit in memory, where it had to be; the gate proposes to make that permanent."""
    ladder = learnt(checkpoint)
    return {} if ladder is None else {"split": ladder.as_json()}


def _settings_at_end(job: Job) -> dict[str, Any]:
    """The settings that were in force when training ended, live changes included."""
    settings = job.config.training.model_dump(mode="json")
    for row in job.ledger.replayable(job.index, job.first_step):
        if row.command.kind == "set":
            settings |= {name: check_setting(name, str(value), settings) for name, value in row.command.arg.items()}
    return settings
