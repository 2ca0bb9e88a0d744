"""Every objective on the demo: one iteration from the same baseline on the same pairs, with the steady demo's settings.

Nothing is tuned to any of them: beta, learning rate and steps are the ones that suit DPO here. Time is told in units of
the sigmoid loss's, trained again before, between and after the others, so that what else the machine does falls on all.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.config import RunConfig, load_config, with_settings
from engine.data.collect import Sources, gather
from engine.data.filters import run_filters
from engine.data.task import Pair, Task
from engine.helm import Helm
from engine.memory.gauge import Gauge
from engine.memory.nvml import Sampler
from engine.models.generate import generate
from engine.models.resident import Resident
from engine.records import KL, WIN_RATE
from engine.records.objectives import OBJECTIVES
from engine.stages.baseline import muster
from engine.stages.job import Crew
from engine.stages.trainer import build_trainer, release
from engine.store.control import Inbox
from engine.store.ledger import Ledger
from engine.store.lock import EngineLock
from engine.store.paths import create_run
from tests.bench.table import Row
from tui.commands.output import say

NAME = "Objectives"
PACKAGES = ("torch", "transformers", "trl", "peft")
CONFIG = Path(__file__).parents[2] / "configs" / "demo-steady.yaml"
SUM = "0.8*sigmoid + 0.2*bco_pair + sft"
SIGMOID_EVERY = 6


@dataclass(frozen=True)
class Result:
    win: tuple[float, float, float]
    kl: float
    probes: dict[str, float]
    seconds: float


def measure() -> list[Row]:
    """A row an objective, in about four minutes."""
    import torch

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=FutureWarning)
    os.environ["TQDM_DISABLE"] = "1"
    with tempfile.TemporaryDirectory(prefix="pilothouse-bench-") as runs:
        os.environ["PILOTHOUSE_RUNS"] = runs
        config = load_config(CONFIG, [])
        crew = _crew(config)
        pairs = _pairs(crew.resident, crew.task, config)
        results, sigmoids = _trained(crew, pairs, config, Path(runs))
    unit = statistics.median(sigmoids)
    spread = f"{min(sigmoids) / unit:.2f} to {max(sigmoids) / unit:.2f} in {len(sigmoids)} trainings"
    rows = [_row(name, result, unit) for name, result in results.items()]
    return [*rows, Row("the unit of time: sigmoid's", f"{unit:.1f} s for {config.training.max_steps} steps ({spread})")]


def _crew(config: RunConfig) -> Crew:
    """The demo's trained baseline and its world, as a run would have them."""
    paths = create_run("objectives", CONFIG.read_text(encoding="utf-8"))
    with EngineLock.acquire(paths), Ledger.open(paths) as ledger:
        sampler = Sampler().start()
        ledger.begin_attempt(paths.config_sha())
        ledger.open_iteration(0, None, {}, 0)
        crew = muster(paths, config, ledger, Helm(ledger, Inbox(paths), Gauge(sampler)), 0)
        sampler.stop()
    return crew


def _pairs(resident: Resident, task: Task, config: RunConfig) -> list[Pair]:
    """What iteration 1 of a run would be trained on."""
    resident.reset_policy(0)
    gathered = gather(task, config, 1, Sources(generator=partial(generate, resident)))
    return list(run_filters(gathered.pairs, config.data, task.measured_prompts).kept)


def _trained(crew: Crew, pairs: list[Pair], config: RunConfig, folder: Path) -> tuple[dict[str, Result], list[float]]:
    """(each objective's result, seconds of every sigmoid training)."""
    from engine.evaluation.evaluate import evaluate

    crew.resident.reset_policy(0)
    baseline = evaluate(crew.resident, crew.task, config, baseline=None)
    _train(crew.resident, pairs, config, folder / "warm")  # the first training warms caches up
    results: dict[str, Result] = {}
    sigmoids: list[float] = []
    for place, name in enumerate([*OBJECTIVES, SUM]):
        if place and place % SIGMOID_EVERY == 0:
            sigmoids.append(_train(crew.resident, pairs, config, folder / f"again-{place}"))
        chosen = with_settings(config, {"loss_type": name})
        seconds = _train(crew.resident, pairs, chosen, folder / str(place))
        sigmoids += [seconds] if name == "sigmoid" else []
        found = evaluate(crew.resident, crew.task, config, baseline=baseline).metrics
        win = found[WIN_RATE]
        probes = {key: metric.value or 0.0 for key, metric in found.items() if metric.group == "capability"}
        say(f"{name}: {seconds:.1f} s, win {win.value}")
        results[name] = Result(
            (win.value or 0.0, win.low or 0.0, win.high or 0.0), found[KL].value or 0.0, probes, seconds
        )
    sigmoids.append(_train(crew.resident, pairs, config, folder / "last"))
    return results, sigmoids


def _train(resident: Resident, pairs: list[Pair], config: RunConfig, folder: Path) -> float:
    """Seconds of a training from the baseline."""
    from transformers import TrainerCallback

    resident.reset_policy(0)
    trainer = build_trainer(resident, pairs, config, folder, 1, TrainerCallback())
    trainer.on_checkpoint = lambda *_: None
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began
    release(resident)
    return seconds


def _row(name: str, result: Result, unit: float) -> Row:
    value, low, high = result.win
    probes = " ".join(f"{key} {score:.3f}" for key, score in result.probes.items())
    won = f"win {value:.3f} ({low:.3f}–{high:.3f})"
    return Row(name, f"{won} · KL {result.kl:.3f} · {probes} · {result.seconds / unit:.2f} × the time")
