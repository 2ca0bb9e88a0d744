"""Evaluations as files: written into an iteration in the making, read from a finished one."""

from __future__ import annotations

import json
from pathlib import Path

from engine.evaluation.outcome import Evaluation
from engine.store.atomic import write_json
from engine.store.iterations import ANSWERS, EVALUATION, SAMPLES, write_lines
from engine.store.paths import RunPaths


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    write_json(folder / EVALUATION, evaluation.as_json())
    write_lines(folder / SAMPLES, evaluation.samples)
    write_lines(folder / ANSWERS, evaluation.answers)


def read_evaluation(paths: RunPaths, index: int) -> Evaluation:
    """A finished iteration's evaluation, without its samples."""
    return Evaluation.parse(json.loads((paths.iteration(index) / EVALUATION).read_text("utf-8")))
