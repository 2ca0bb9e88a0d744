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
from pathlib import Path
from typing import Any

from engine.config.schema import TrainingConfig
from engine.records.objectives import mixture
from engine.stages.boundary import Boundary, Live
from engine.stages.checkpoints import WholeCheckpoints
from engine.stages.job import Job
from engine.stages.pairs import PAIRS, read_pairs
from engine.stages.recovery import learnt
from engine.stages.trainer import build_trainer
from engine.stages.training import Training, kl_probe
from engine.store.atomic import staged

STATE_FILES = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


class OnlyTraining(Training):
    """The one training of its iteration. Its checkpoints keep the place and the fingerprint of the time before recipes
    with several trainings, so that a run begun then goes on.
    """

    @property
    def prefix(self) -> str:
        return ""

    def fingerprint(self) -> str:
        digest = hashlib.sha256(json.dumps(dict(self.settings), sort_keys=True).encode())
        for path in self.inputs:
            digest.update(path.read_bytes())
        return digest.hexdigest()


def run(job: Job) -> dict[str, Any]:
    job.helm.enter(job.index, "dpo", "step", promise_s=300)
    training = training_of(job)
    step, folder = training.run(lambda boundary: _trainer(job, training, boundary))
    _keep(job, folder)
    return {**training.result(step), **_split(folder)}


def training_of(job: Job) -> Training:
    settings = job.config.training.model_dump(mode="json")
    live = live_settings(job.config.training.loss_type)
    return OnlyTraining(job, "dpo", settings, (job.work / PAIRS,), live, kl_probe(job))


def _trainer(job: Job, training: Training, boundary: Boundary) -> WholeCheckpoints:
    """Of the parent's policy, over which a resume loads its checkpoint."""
    job.resident.load_policy(job.parent_adapter)
    if job.ledger.latest_checkpoint(job.index) is None:  # a resume has said it already
        job.say("objective", words_of(job.config.training))
    pairs = read_pairs(job.work / PAIRS)
    return build_trainer(job.resident, pairs, job.config, training.folder, job.seed, boundary)


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
