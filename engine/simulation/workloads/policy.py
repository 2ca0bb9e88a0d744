"""`engine.stages.ppo`: a rollout, what the four models say of it, and an update, by the engine's own code.

An update works through its samples a micro-batch at a time, and of a sample nothing is kept between but a few numbers a
token: two micro-batches are as large as all of them.
"""

from __future__ import annotations

import math

import torch

from engine.config.schema import RunConfig
from engine.models.resident import POLICY
from engine.models.slots import REWARD, SFT, VALUE, Slots
from engine.rl.experience import ask, learn_from
from engine.rl.rollout import GENERATED, Rollout
from engine.rl.update import Learner
from engine.simulation.scene import Scene
from engine.simulation.workloads.optimizer import warmed
from engine.simulation.workloads.sampling import sample
from engine.simulation.workloads.slots import ToldSlots, ones

ANYWHERE = {"stop_kl": math.inf, "max_step_kl": math.inf, "epochs": 1}
"""Fake numbers say nothing of KL: no update is ended by it, and none undone."""


def assumed(config: RunConfig) -> tuple[str, ...]:
    found = ["the filter stage samples and scores as evaluation does"]
    if config.ppo.algorithm != "ppo":
        found.append(f"{config.ppo.name} is TRL's trainer and is not simulated: what is shown is PPO's")
    if config.reward.model:
        found.append("the reward model that reward.model names is not counted: add the size of its weights")
    return tuple(found)


def run(scene: Scene) -> None:
    config = scene.config
    settings = config.ppo.model_copy(update=ANYWHERE)
    micro = min(config.training.batch_size, settings.rollouts)
    scene.resident.model.eval()
    reference = SFT if settings.reference == "sft" else None
    with ToldSlots(scene, SFT, REWARD, VALUE, reference=SFT) as slots:
        learner = Learner(
            slots,
            settings,
            learning_rate=config.training.learning_rate,
            micro_batch=micro,
            max_grad_norm=config.training.max_grad_norm,
            recompute=config.model.gradient_checkpointing,
        )
        with slots.trainable(POLICY, VALUE):
            warmed(scene.tracker, learner.optimizer)
        with slots.use(POLICY):
            sample(scene, _at_once(config, micro), scene.lengths.prompt, scene.lengths.rolled)
        rollout = _rollout(scene, min(2 * micro, settings.rollouts))
        opinions = ask(slots, rollout, reference, lambda given: _scores(scene, slots, given), micro)
        learner.update(learn_from(rollout, opinions, config.training.beta, settings), seed=0)


def _at_once(config: RunConfig, micro: int) -> int:
    """The most samples that are written together: a rollout's, or those of a look by the held-out judge."""
    looked = min(config.ppo.check_prompts, config.evaluation.batch_size) if config.ppo.check_every else 0
    return max(looked, min(GENERATED * micro, config.ppo.rollouts))


def _rollout(scene: Scene, samples: int) -> Rollout:
    ids, mask = ones(scene, samples, scene.lengths.prompt + scene.lengths.rolled)
    return _Rollout((), (), ids, mask, scene.lengths.prompt)


class _Rollout(Rollout):
    """Samples without a text, each of which ended."""

    @property
    def finished(self) -> torch.Tensor:
        return torch.ones(len(self.ids), device=self.ids.device)


def _scores(scene: Scene, slots: Slots, rollout: Rollout) -> torch.Tensor:
    """As many at once as the evaluation takes. A reward model of its own is not on the scene."""
    if scene.config.reward.model is None:
        count = min(scene.config.evaluation.batch_size, scene.config.ppo.rollouts)
        slots.scores(*ones(scene, count, rollout.ids.shape[1]))
    return torch.zeros(len(rollout.ids), device=rollout.ids.device)
