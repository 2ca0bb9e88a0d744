"""Capability tasks through the engine against lm-eval called directly with the same model, tasks and items."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.config import parse_config
from engine.config.schema import EvaluationConfig, ModelConfig
from engine.evaluation.capability import Capability, Desk
from engine.evaluation.harness.tasks import Loaded, load
from engine.models.resident import Resident
from tests.bench.table import Row, at_most

NAME = "Evaluation"
PACKAGES = ("torch", "transformers", "lm_eval")
WINDOWS = 5
BATCHES = (4, 16)  # what 2048 and 8192 tokens come to in this model's window of 512: the quicker one is the measure


def measure() -> list[Row]:
    """All rows, in a few minutes. Needs PILOTHOUSE_DATA."""
    import torch

    from engine.models.load import load_resident

    torch.set_num_threads(1)
    os.environ["TQDM_DISABLE"] = "1"
    data = Path(os.environ["PILOTHOUSE_DATA"])
    resident = load_resident(ModelConfig(name=str(data / "models" / "stories260K"), device="cpu"), 0)
    bench = data / "bench"
    tasks = (
        f"{{task: gsm8k, path: {bench / 'gsm8k_train.jsonl'}, limit: 64, fewshot: 1, max_new_tokens: 64}}",
        f"{{task: mmlu, path: {bench / 'mmlu_dev_val.zip'}, limit: 228, fewshot: 0}}",
    )
    return [_overhead(resident, parse_config(f"evaluation: {{tasks: [{task}]}}").evaluation) for task in tasks]


def _overhead(resident: Resident, config: EvaluationConfig) -> Row:
    """Windows of both by turns, so that what else the machine does falls on both; loading the data is on neither."""
    able = Capability.of(config)
    able.cost((), config.seed)
    loaded = load(able.found[0], config.seed)
    name = config.tasks[0].task
    ratios = []
    batch = min(BATCHES, key=lambda size: _seconds(lambda: _direct(resident, loaded, size)))
    for window in range(WINDOWS + 1):
        with tempfile.TemporaryDirectory(prefix="pilothouse-bench-") as folder:
            desk = Desk(Path(folder), "bench")
            turns: list[Callable[[], Any]] = [
                lambda desk=desk: list(able.measure(resident, (), config, desk, lambda _: None)),
                lambda: _direct(resident, loaded, batch),
            ]
            seconds = {turn: _seconds(turn) for turn in (turns if window % 2 else reversed(turns))}
            ratios.append(seconds[turns[0]] / seconds[turns[1]])
    ratios = ratios[1:]  # the first pair warms caches up
    note = f" ({min(ratios):.3f} to {max(ratios):.3f})"
    return at_most(
        f"{name}: engine ÷ lm-eval called directly in batches of {batch}, processor time",
        statistics.median(ratios),
        1.05,
        "",
        note,
    )


def _seconds(turn: Callable[[], Any]) -> float:
    """Of processor time: all runs on one thread, and whatever else the machine does is not counted."""
    began = time.process_time()
    turn()
    return time.process_time() - began


def _direct(resident: Resident, loaded: Loaded, batch: int) -> None:
    from lm_eval import evaluator
    from lm_eval.models.huggingface import HFLM

    from engine.evaluation.harness.run import request

    with resident.measuring():
        model = HFLM(pretrained=resident.model, tokenizer=resident.tokenizer, batch_size=batch)
        evaluator.evaluate(model, **request(loaded))
