"""`make gpu-check`: the demo and a model of Qwen2.5-1.5B's shape on a card, and the memory panel against nvidia-smi.

Writes a section into tests/bench/RESULTS.md. Without a CUDA card it says so, writes nothing and exits 3. `--tiny` runs
the same path with a toy model on whatever device there is, to see that the check itself works; it writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from engine.store.paths import RunPaths, create_run, find_run
from tests.bench.table import machine, replace_section
from tests.gpu import shape, smi
from tests.gpu.engine_with_peak import WHERE
from tests.gpu.watch import Watched, watch
from tui.commands.output import say

NO_CARD = 3
DEMO_LIMIT_S, SHAPE_LIMIT_S = 600.0, 1800.0
ROOT = Path(__file__).parents[2]
HEADER = (
    "| run | steps/s | torch's peak MiB | the panel's peak MiB | nvidia-smi's highest MiB | panel − nvidia-smi MiB, "
    "median / worst |\n| --- | ---: | ---: | ---: | ---: | ---: |\n"
)


@dataclass(frozen=True)
class Outcome:
    """One run's line in the table. `torch_peak` is what torch itself said in the engine, in bytes; None: not asked."""

    name: str
    watched: Watched
    torch_peak: int | None

    @property
    def line(self) -> str:
        highest = max((sample.used for sample in self.watched.yardstick), default=None)
        cells = [
            self.name,
            f"{self.watched.steps_per_s:.2f}",
            _mib(self.torch_peak),
            _mib(self.watched.panel_peak),
            _mib(highest),
            self.watched.error_text,
        ]
        return f"| {' | '.join(cells)} |\n"


def _mib(size: int | None) -> str:
    return "—" if size is None else f"{size / smi.MIB:.1f}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a toy shape on any device: checks the check")
    args = parser.parse_args(argv)
    read_card = _card_reader()
    if read_card is None and not args.tiny:
        say("gpu-check: no CUDA device here: not run, and RESULTS.md is unchanged.")
        return NO_CARD
    with tempfile.TemporaryDirectory(prefix="pilothouse-gpu-") as scratch:
        os.environ["PILOTHOUSE_RUNS"] = str(Path(scratch) / "runs")
        outcomes = [_demo(read_card), _shape(Path(scratch), read_card, args.tiny)]
    body = machine(["torch", "transformers", "trl", "bitsandbytes"]) + "\n\n" + HEADER
    body += "".join(outcome.line for outcome in outcomes)
    say(body)
    failed = [outcome for outcome in outcomes if outcome.watched.state != "completed"]
    for outcome in failed:
        say(f"gpu-check: {outcome.name} ended as {outcome.watched.state}: {outcome.watched.fault}")
    if read_card and not args.tiny and not failed:
        replace_section(f"On a GPU: {read_card().name}", body)
    return 1 if failed else 0


def _card_reader() -> Callable[[], smi.Card] | None:
    """Reads torch's first card through nvidia-smi; None without CUDA."""
    import torch

    if not torch.cuda.is_available():
        return None
    uuid = str(torch.cuda.get_device_properties(0).uuid)
    return lambda: smi.read(uuid)


def _demo(read_card: Callable[[], smi.Card] | None) -> Outcome:
    command = [sys.executable, "-m", "tui.cli", "demo", "--no-attach", "--decide", "auto", "--name", "gpu-demo"]
    subprocess.run(command, check=True, cwd=ROOT)
    return Outcome("demo", watch(find_run("gpu-demo"), read_card, DEMO_LIMIT_S), None)


def _shape(scratch: Path, read_card: Callable[[], smi.Card] | None, tiny: bool) -> Outcome:
    size = shape.TINY if tiny else shape.QWEN_1_5B
    model, pairs, peak = scratch / "model", scratch / "pairs.jsonl", scratch / "peak.json"
    on_card = read_card is not None
    shape.build_model(model, size, "bfloat16" if on_card else "float32")
    shape.write_pairs(pairs, 120, 16 if tiny else 255)
    paths = create_run("gpu-shape", yaml.safe_dump(config(model, pairs, on_card)))
    engine = _start_engine(paths, peak)
    watched = watch(paths, read_card, SHAPE_LIMIT_S)
    engine.wait(120)
    name = (
        "toy shape"
        if tiny
        else "Qwen2.5-1.5B's shape, random weights, nf4, LoRA r 16, 2 pairs a step of 511 tokens a side"
    )
    return Outcome(name, watched, json.loads(peak.read_text())["allocated"])


def config(model: Path, pairs: Path, on_card: bool) -> dict[str, object]:
    """One iteration on recorded pairs, decided by the rules, with an evaluation that is only large enough to run."""
    return {
        "model": {
            "name": str(model),
            "device": "cuda" if on_card else "cpu",
            "quantization": "nf4",
            "gradient_checkpointing": True,
            "lora_r": 16,
            "lora_alpha": 32,
        },
        "data": {"source": "file", "path": str(pairs), "max_pairs": 100},
        "training": {"learning_rate": 1e-5, "max_steps": 30, "batch_size": 2, "max_length": 512},
        "evaluation": {"prompts": 8, "completions": 1, "max_new_tokens": 16, "batch_size": 8, "kl_probe_prompts": 2},
        "budget": {"iterations": 1},
        "decide": "auto",
    }


def _start_engine(paths: RunPaths, peak: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(Path(__file__).with_name("engine_with_peak.py")), str(paths.root)]
    with paths.engine_log.open("ab") as log:
        environ = {**os.environ, WHERE: str(peak), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
