"""The engine against TRL's own trainer at the same work, and how long a decision takes to become training again."""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from engine.config import RunConfig, load_config
from engine.data.task import Pair
from engine.data.world import corpus
from engine.helm import Helm
from engine.memory.gauge import Gauge
from engine.memory.nvml import Sampler
from engine.models.resident import Resident
from engine.stages.boundary import Boundary
from engine.stages.objectives.direct import dpo_arguments
from engine.stages.trainer import build_trainer, release
from engine.store.control import Inbox, Outbox
from engine.store.ledger import Ledger
from engine.store.lock import EngineLock
from engine.store.paths import RunPaths, create_run
from engine.store.reader import Reader
from tests.bench.table import Row, at_most
from tests.bench.terminal import Terminal

NAME = "Engine"
PACKAGES = ("torch", "transformers", "trl", "peft")
CONFIG = Path(__file__).parents[2] / "configs" / "demo-steady.yaml"
WINDOWS, STEPS = 7, 40


def measure() -> list[Row]:
    """All rows, in about four minutes."""
    with tempfile.TemporaryDirectory(prefix="pilothouse-bench-") as runs:
        os.environ["PILOTHOUSE_RUNS"] = runs
        return [*throughput(), *decisions()]


# ── steps a second ───────────────────────────────────────────────────────────────────────────────────────────────────


def throughput() -> list[Row]:
    """Windows of bare TRL and of the engine's own trainer by turns, the interface attached to the latter."""
    import torch

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=FutureWarning)
    paths = create_run("pace", CONFIG.read_text(encoding="utf-8"))
    config = load_config(CONFIG, [f"max_steps={STEPS}", "scheduler=constant"])
    resident, pairs = _resident(), _pairs()
    gc.collect()
    gc.freeze()  # as the engine does, and to the benefit of both sides here
    bare, ours, probes = [], [], 0.0
    with EngineLock.acquire(paths), Ledger.open(paths) as ledger, attached(paths):
        sampler = Sampler().start()
        ledger.begin_attempt(paths.config_sha())
        ledger.open_iteration(0, None, {}, 0)
        helm = Helm(ledger, Inbox(paths), Gauge(sampler))
        helm.enter(0, "dpo", "step")
        for window in range(WINDOWS + 1):
            folder = paths.checkpoints(window)
            bare.append(_bare(resident, pairs, config, folder / "bare"))
            seconds, spent = _ours(resident, pairs, config, folder / "ours", ledger, helm, window * STEPS)
            ours.append(seconds)
            probes += spent
        sampler.stop()
    ratios = [a / b for a, b in zip(bare[1:], ours[1:], strict=True)]  # the first pair warms caches up
    ratio, share = statistics.median(ratios), probes / sum(ours)
    spread = f" ({min(ratios):.3f} to {max(ratios):.3f})"
    return [
        Row("steps a second, bare TRL", f"{STEPS / statistics.median(bare[1:]):.2f}"),
        Row("engine with the interface attached ÷ bare TRL", f"{ratio:.3f}{spread}", "≥ 0.97", ratio >= 0.97),
        Row("KL probe's share of training time", f"{100 * share:.1f} %", "≤ 3 %", share <= 0.03),
    ]


def _resident() -> Resident:
    from engine.config.schema import ModelConfig
    from engine.data.demo import demo_base
    from engine.models.load import load_resident

    folder = Path(tempfile.mkdtemp(prefix="pilothouse-bench-model-"))
    model, tokenizer = demo_base(0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load_resident(ModelConfig(device="cpu"), 0, folder)


def _pairs() -> list[Pair]:
    asks = corpus.split().train
    return [Pair(text, f" hello , please reset the {topic} .", " ugh , whatever .") for text, topic in asks] * 3


def _bare(resident: Resident, pairs: list[Pair], config: RunConfig, folder: Path) -> float:
    """TRL's trainer with the same arguments and nothing of ours."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import DPOTrainer

    resident.reset_policy(0)
    trainer = DPOTrainer(
        model=resident.model,
        args=dpo_arguments(config, resident, folder, 1),
        train_dataset=Dataset.from_list([pair.row() for pair in pairs]),
        processing_class=resident.tokenizer,
    )
    trainer.remove_callback(PrinterCallback)
    resident.model.delete_adapter("ref")
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began
    release(resident)
    return seconds


def _ours(
    resident: Resident, pairs: list[Pair], config: RunConfig, folder: Path, ledger: Ledger, helm: Helm, first: int
) -> tuple[float, float]:
    """(seconds, of them in the KL probe)."""
    from engine.evaluation.probe import KlProbe

    resident.reset_policy(0)
    spent: list[float] = []

    class Probe(KlProbe):
        def measure(self) -> float:
            value = super().measure()
            spent.append(self.cost_s)
            return value

    prompts = [text for text, _ in corpus.split().held_out[: config.evaluation.kl_probe_prompts]]
    boundary = Boundary(
        ledger,
        helm,
        Probe(resident, prompts, seed=0, max_new_tokens=config.evaluation.kl_probe_tokens),
        iteration=0,
        first_step=first,
        settings=config.training.model_dump(mode="json"),
        probe_share=config.evaluation.kl_probe_share,
    )
    trainer = build_trainer(resident, pairs, config, folder, 1, boundary)
    trainer.on_checkpoint = lambda step, path: ledger.checkpoint(0, first + step, path.name, "")
    boundary.attach(trainer)
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began
    helm.knobs = None
    release(resident)
    return seconds, sum(spent)


@contextmanager
def attached(paths: RunPaths) -> Iterator[None]:
    """The interface on the run in a terminal that a thread keeps reading, as a person's would."""
    over = Event()
    argv = [sys.executable, "-m", "tui.cli", "attach", str(paths.root)]
    with Terminal(argv, os.environ) as terminal:
        reader = Thread(target=lambda: [terminal.watch(0.2) for _ in iter(over.is_set, True)])
        terminal.wait_text(paths.name)
        reader.start()
        try:
            yield
        finally:
            over.set()
            reader.join()


# ── from a decision to training ──────────────────────────────────────────────────────────────────────────────────────


def decisions() -> list[Row]:
    """A demo run decided by hand: accept, then roll back to each iteration that there is."""
    from tui.client import start_engine

    text = CONFIG.read_text(encoding="utf-8").replace("decide: auto", "decide: ask")
    paths = create_run("decisions", text)
    start_engine(paths)
    try:
        _gate(paths, 1)
        steps, loads = [], []
        for index, (action, to) in enumerate([("accept", None), ("rollback", 1), ("rollback", 0)], start=1):
            sent = time.time()
            arg = {"iteration": index, "action": action, "to": to, "changes": {"max_steps": 10}}
            Outbox(paths).send("decide", arg)
            _gate(paths, index + 1)
            loads.append(_event(paths, "start", index + 1) - sent)
            steps.append(_to_first_step(paths, index + 1, sent))
    finally:
        Outbox(paths).send("stop")
    return [
        at_most(
            "decision → first optimizer step, without sampling and filtering pairs, worst of 3", max(steps), 1, "s"
        ),
        at_most("decision → the chosen iteration's weights are the policy (roll back), worst of 3", max(loads), 1, "s"),
    ]


def _gate(paths: RunPaths, iteration: int) -> None:
    deadline = time.monotonic() + 180
    with Reader(paths.ledger) as reader:
        while (gate := reader.gate()) is None or gate.iteration < iteration:
            if time.monotonic() > deadline:
                raise TimeoutError(f"iteration {iteration} never came to its gate")
            time.sleep(0.1)


def _event(paths: RunPaths, kind: str, iteration: int) -> float:
    with Reader(paths.ledger) as reader:
        return next(
            event.t for event in reader.events(limit=5000) if (event.kind, event.iteration) == (kind, iteration)
        )


def _to_first_step(paths: RunPaths, iteration: int, sent: float) -> float:
    """Seconds from the decision to the first step's metrics, less what collecting and filtering pairs took."""
    with Reader(paths.ledger) as reader:
        first = min(row.t for row in reader.rows_since(0) if row.iteration == iteration and "loss" in row.values)
    sampling = _event(paths, "filter", iteration) - _event(paths, "start", iteration)
    return first - sent - sampling
