"""How long a memory plan takes, and what it says of shapes that an independent replay has sized before."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import psutil

from engine.config import RunConfig
from engine.memory.planning import Simulator
from engine.records import GIB, Plan
from tests.bench.table import Row, at_most
from tests.gpu.calibrate import SHAPES

NAME = "Memory plan"
PACKAGES = ("torch", "transformers", "trl", "peft", "bitsandbytes")

KNOWN = {
    ("Llama-3.1-8B", 1, 512): (6.06, 6.19),
    ("Llama-3.1-8B", 1, 1024): (6.53, 6.77),
    ("Llama-3.1-8B", 1, 2048): (7.50, 7.80),
    ("Llama-3.1-8B", 2, 2048): (9.52, 10.19),
    ("Qwen2.5-1.5B", 1, 512): (1.37, 1.44),
    ("Qwen2.5-1.5B", 1, 1024): (1.59, 1.69),
    ("Qwen2.5-1.5B", 1, 2048): (2.04, 2.25),
    ("Qwen2.5-1.5B", 2, 2048): (2.93, 3.33),
    ("Mistral-7B", 1, 1024): (5.06, 5.30),
}
"""(allocated, smallest capacity) in GiB of a DPO step: nf4, rank 16, 8-bit Adam, checkpointing, padded."""


def measure() -> Sequence[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        for shape in ("Llama-3.1-8B", "Qwen2.5-1.5B"):
            rows += [_whole(shape), *_quick(shape)]
        rows += _against_known()
    return rows


def config(shape: str, batch: int, length: int, **training: Any) -> RunConfig:
    model = {"name": shape, "architecture": SHAPES[shape], "quantization": "nf4", "gradient_checkpointing": True}
    step = {"batch_size": batch, "max_length": length, "optimizer": "adamw_8bit", **training}
    return RunConfig.model_validate(
        {
            "model": {**model, "lora_r": 16},
            "training": step,
            "data": {"batch_size": 4, "max_new_tokens": 128},
            "evaluation": {"batch_size": 4, "max_new_tokens": 128},
        }
    )


def _whole(shape: str) -> Row:
    """From nothing: the process's start and its imports too."""
    began, used = time.perf_counter(), _children_cpu()
    with Simulator() as simulator:
        plan = simulator.simulate(config(shape, 1, 1024))
    seconds = time.perf_counter() - began
    note = f" ({_children_cpu() - used:.1f} s of CPU; simulated in {plan.seconds:.1f} s)"
    return at_most(f"{shape}, whole: collect, DPO and evaluation, from nothing", seconds, 20, "s", note)


def _quick(shape: str) -> list[Row]:
    """With a warm process, twice: a shape that it has not seen, then another length of the same."""
    rows = []
    with Simulator() as simulator:
        simulator.simulate(config("toy", 1, 64 + list(SHAPES).index(shape)))  # which no cache can answer
        for what, length in (("first answer", 1024), ("after a change of the length", 1280)):
            began, used = time.perf_counter(), _running_cpu()
            simulator.simulate(config(shape, 1, length), quick=True)
            note = f" ({_running_cpu() - used:.1f} s of CPU)"
            rows.append(at_most(f"{shape}, quick, warm: {what}", time.perf_counter() - began, 2, "s", note))
    return rows


def _against_known() -> list[Row]:
    rows = []
    with Simulator() as simulator:
        for (shape, batch, length), (allocated, capacity) in KNOWN.items():
            step = _dpo(simulator.simulate(config(shape, batch, length), quick=True))
            said = f"{step.allocated / GIB:.2f} / {step.capacity / GIB:.2f} GiB"
            within = abs(step.allocated / GIB / allocated - 1) <= 0.03
            what = f"{shape}, quick, B{batch} S{length}: allocated / smallest capacity of a DPO step"
            rows.append(Row(what, said, f"{allocated:.2f} / {capacity:.2f} GiB, ± 3 % allocated", within))
    return rows


def _dpo(plan: Plan) -> Any:
    return next(stage for stage in plan.stages if stage.stage == "dpo")


def _running_cpu() -> float:
    """Of the simulators that are at work now; `_children_cpu` is of those that have ended."""
    times = [child.cpu_times() for child in psutil.Process().children()]
    return sum(each.user + each.system for each in times)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
