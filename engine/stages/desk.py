"""Where an evaluation's harness answers are kept, and for which policy they are good."""

from __future__ import annotations

import hashlib
from pathlib import Path

from engine.evaluation.capability import Desk
from engine.models.resident import WEIGHTS
from engine.stages.job import Job


def desk_of(job: Job, adapter: Path, folder: Path) -> Desk:
    """Answers stay in `folder` until the evaluation is published, and are good for this adapter and config only."""
    weights = (adapter / WEIGHTS).read_bytes()
    asked = job.config.evaluation.model_dump_json() + job.config.model.model_dump_json()
    return Desk(folder, hashlib.sha256(weights + asked.encode()).hexdigest(), job.say)
