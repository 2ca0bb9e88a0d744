"""Train the policy on the reward model, by the algorithm that `ppo.algorithm` names. On record the stage is `ppo`."""

from __future__ import annotations

from typing import Any

from engine.stages import group, ppo
from engine.stages.job import Job


def run(job: Job) -> dict[str, Any]:
    return ppo.run(job) if job.config.ppo.algorithm == "ppo" else group.run(job)
