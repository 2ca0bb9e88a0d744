"""Train the policy on the reward model by RLOO or GRPO, near the iteration's SFT policy: PPO's stage without a value.

In: `sft/`, where the policy begins and what KL is held to, and `reward/`. Out: `adapter/`, the policy of the best look
by a judge that training never asked, and `training/`. It resumes from its last whole checkpoint, on the same trajectory
where the device is deterministic. A reward model that is wrong too often is refused.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.data.task import Prompt
from engine.data.weighing import prompt_weights
from engine.models.resident import POLICY
from engine.models.slots import HEAD, REWARD, SFT, Slots
from engine.stages.boundary import Boundary
from engine.stages.dpo import STATE_FILES
from engine.stages.evaluations import read_evaluation
from engine.stages.grading import require_reward_model
from engine.stages.group_trainer import build_trainer, without_dropout
from engine.stages.job import Job
from engine.stages.lookout import Lookout
from engine.stages.ppo import lookout_of, split_prompts, told
from engine.stages.proxy import Proxy, slots_of
from engine.stages.slot_training import in_training
from engine.stages.training import Training, kl_probe
from engine.store.atomic import staged


def run(job: Job) -> dict[str, Any]:
    require_reward_model(job)
    settings = job.config.ppo
    job.helm.enter(job.index, settings.algorithm, "step", promise_s=300)
    with Slots(job.resident, *slots_of(job), seed=job.config.training.seed) as slots:
        slots.load(POLICY, job.work / SFT)
        proxy = Proxy(job, slots, read_evaluation(job.paths, 0), job.work)
        prompts, watched = split_prompts(job.task.train_prompts, settings.check_prompts, job.config.training.seed)
        lookout, training = lookout_of(job, slots, watched), training_of(job)
        step, folder = _train(job, slots, proxy, prompts, lookout, training)
        slots.load(POLICY, folder)
        lookout.load(folder)
        if settings.keep == "best":
            lookout.choose()
        _keep(job, folder)
        return {**training.result(step), **told(job, lookout, step // settings.passes), "algorithm": settings.algorithm}


def training_of(job: Job) -> Training:
    """Both its live settings are TRL's: RLOO's beta from the next update's samples on, GRPO's from the next step on."""
    settings, chosen = job.config.training.model_dump(mode="json"), job.config.ppo
    inputs = [job.work / SFT / "adapter_model.safetensors"]
    inputs += [] if job.config.reward.model else [job.work / REWARD / HEAD]
    return Training(job, chosen.algorithm, settings, inputs, probe=kl_probe(job), each=chosen.passes)


def _train(
    job: Job, slots: Slots, proxy: Proxy, prompts: Sequence[Prompt], lookout: Lookout, training: Training
) -> tuple[int, Path]:
    weights = prompt_weights(prompts, job.config.data, job.index)

    def build(boundary: Boundary) -> Any:
        return build_trainer(job, slots, proxy, prompts, weights, lookout, training, boundary)

    with without_dropout(job.resident.model), in_training(slots, POLICY, job.config.model.gradient_checkpointing):
        return training.run(build)


def _keep(job: Job, checkpoint: Path) -> None:
    for name in ("adapter", "training"):
        shutil.rmtree(job.work / name, ignore_errors=True)  # of an attempt that died before it said that it was done
    with staged(job.work / "adapter") as folder:
        job.resident.save_policy(folder)
    with staged(job.work / "training") as folder:
        for name in STATE_FILES:
            if (checkpoint / name).exists():
                shutil.copyfile(checkpoint / name, folder / name)
