"""Train the policy on the reward model by proximal policy optimisation, near the iteration's SFT policy.

In: `sft/`, where the policy begins and what KL is held to, and `reward/`. Out: `adapter/`, the policy of the best look
by a judge that training never asked, `value/`, and `training/`. It resumes from its last whole checkpoint, on the same
trajectory where the device is deterministic. A reward model that is wrong too often is refused.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch

from engine.config import load_config
from engine.data.task import Prompt
from engine.data.weighing import prompt_weights
from engine.evaluation import measures
from engine.models.resident import POLICY
from engine.models.slots import HEAD, REWARD, SFT, VALUE, Slots
from engine.records import KEPT_LOOK, PEAK_LOOK, Metric, as_json
from engine.stages.boundary import Boundary
from engine.stages.evaluations import read_evaluation
from engine.stages.grading import require_reward_model
from engine.stages.job import Job
from engine.stages.lookout import Lookout
from engine.stages.ppo_trainer import OPTIMIZER, STATE, PpoTrainer
from engine.stages.proxy import Proxy, slots_of
from engine.stages.training import Training, kl_probe
from engine.store.atomic import staged, write_json

LOOKS = "looks.json"
RESERVED = 0.25  # of the training prompts, at most, are kept for the looks


def run(job: Job) -> dict[str, Any]:
    require_reward_model(job)
    job.helm.enter(job.index, "ppo", "update", promise_s=300)
    with Slots(job.resident, SFT, *slots_of(job), VALUE, seed=job.config.training.seed) as slots:
        slots.load(SFT, job.work / SFT)
        slots.copy(SFT, POLICY)
        proxy = Proxy(job, slots, read_evaluation(job.paths, 0), job.work)
        _begin_value(slots, proxy)
        prompts, watched = split_prompts(job.task.train_prompts, job.config.ppo.check_prompts, job.config.training.seed)
        lookout = lookout_of(job, slots, watched)
        training = training_of(job)
        step, folder = training.run(lambda boundary: _trainer(job, slots, proxy, prompts, lookout, training, boundary))
        slots.load(POLICY, folder)
        slots.load(VALUE, folder / VALUE)
        lookout.load(folder)
        if job.config.ppo.keep == "best":
            lookout.choose()
        _keep(job, slots, folder)
        return {**training.result(step), **told(job, lookout, step)}


def training_of(job: Job) -> Training:
    settings = job.config.training.model_dump(mode="json")
    inputs = [job.work / SFT / "adapter_model.safetensors"]
    inputs += [] if job.config.reward.model else [job.work / REWARD / HEAD]
    return Training(job, "ppo", settings, inputs, probe=kl_probe(job))


def split_prompts(prompts: Sequence[Prompt], watched: int, seed: int) -> tuple[list[Prompt], list[Prompt]]:
    """(prompts to train on, prompts to look with): the same for a whole run, and never more than a quarter to look."""
    order = Random(f"looks:{seed}").sample(range(len(prompts)), len(prompts))
    kept = set(order[: min(watched, max(1, int(RESERVED * len(prompts))))])
    trained = [prompt for i, prompt in enumerate(prompts) if i not in kept]
    return trained or list(prompts), [prompts[i] for i in sorted(kept)]


def target_of(job: Job) -> float:
    """What KL is kept near in this iteration. A gate that raises beta wants the policy held closer, and the controller
    would soon have given a higher beta back: so the target goes down as the iteration's beta goes up."""
    return job.config.ppo.target_kl * load_config(job.paths.config).training.beta / job.config.training.beta


def _begin_value(slots: Slots, proxy: Proxy) -> None:
    """The value model begins as the reward model, its head in the units of what it has to foresee; where that is
    another model, as the policy, with a head that has yet to learn.
    """
    if not proxy.own:
        slots.copy(SFT, VALUE)
        return
    slots.copy(REWARD, VALUE)
    head, scale = slots.heads[VALUE], proxy.scale
    with torch.no_grad():
        head.weight.div_(scale.deviation)
        head.bias.sub_(scale.mean).div_(scale.deviation)


def lookout_of(job: Job, slots: Slots, prompts: Sequence[Prompt]) -> Lookout:
    """By the judge that training never asks, where there is one."""
    return Lookout(
        slots,
        job.task.held_out_judge or job.task.judge,
        prompts,
        max_new_tokens=job.config.ppo.max_new_tokens,
        batch_size=job.config.evaluation.batch_size,
        seed=job.config.evaluation.seed,
    )


def _trainer(
    job: Job,
    slots: Slots,
    proxy: Proxy,
    prompts: list[Prompt],
    lookout: Lookout,
    training: Training,
    boundary: Boundary,
) -> Any:
    weights = prompt_weights(prompts, job.config.data, job.index)
    return PpoTrainer(
        slots, proxy, prompts, weights, lookout, job.config, target_of(job), training.folder, job.seed, boundary
    )


def told(job: Job, lookout: Lookout, updates: int) -> dict[str, Any]:
    """Which update's policy is kept."""
    best, last = lookout.best, lookout.last
    if best is None or last is None:
        return {"chosen": updates}
    kept = best if job.config.ppo.keep == "best" else last
    beside = "" if kept is best else f", {best.score:.3f} after update {best.step}"
    said = f"{job.config.ppo.name}: update {kept.step} of {updates} is kept"
    job.say(job.config.ppo.algorithm, f"{said}: {kept.score:.3f} by the held-out judge{beside}")
    write_json(job.work / LOOKS, {KEPT_LOOK: as_json(kept), PEAK_LOOK: as_json(best)})
    return {"chosen": kept.step, "held_out": kept.score}


def read_looks(folder: Path) -> dict[str, Metric]:
    """The looks at the policy that was kept and at the best one, as metrics with their items; none without looks."""
    path = folder / LOOKS
    raw = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {name: measures.mean(name, "alignment", look["items"]) for name, look in raw.items()}


def _keep(job: Job, slots: Slots, checkpoint: Path) -> None:
    for name in ("adapter", VALUE, "training"):
        shutil.rmtree(job.work / name, ignore_errors=True)  # of an attempt that died before it said that it was done
    with staged(job.work / "adapter") as folder:
        job.resident.save_policy(folder)
    with staged(job.work / VALUE) as folder:
        slots.save(VALUE, folder)
    with staged(job.work / "training") as folder:
        for name in (OPTIMIZER, STATE):
            shutil.copyfile(checkpoint / name, folder / name)
