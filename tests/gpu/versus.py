"""`make gpu-bench`: the engine against bare TRL on a card, at the 1.5B and the 8B shape in nf4, then our best settings.

Same model, data and arguments for both: `tests.gpu.bare_trl` is TRL alone. Our best settings keep batch, length and
loss, and the 8B shape trains behind a fence of 6 GiB. Writes a section into tests/bench/RESULTS.md. Without a card it
says so and exits 3; `--tiny` goes the same way with a toy shape on any device and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.table import machine, replace_section
from tests.gpu import shape
from tests.gpu.check import NO_CARD, ROOT, config
from tests.gpu.trained import Trained, train
from tui.commands.output import say

GIB = 2**30
FENCE = 6 * GIB
BEST = {
    "model": {"checkpoint_offload": True, "embeddings_on_cpu": True, "expandable_segments": True},
    "training": {"precompute_reference": True, "optimizer": "adamw_8bit"},
}
HEADER = (
    "| shape | what | tokens/s | × bare | peak GiB | × bare | last loss |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n"
)


@dataclass(frozen=True)
class Case:
    name: str
    shape: dict[str, int | bool]
    length: int
    fence: int | None = None


CASES = (
    Case("1.5B, S 512", shape.QWEN_1_5B, 512),
    Case("8B, S 1024", shape.LLAMA_8B, 1024, FENCE),
)
TINY = (Case("toy, S 64", shape.TINY, 64),)


def main(argv: list[str] | None = None) -> int:
    import torch

    parser = argparse.ArgumentParser(prog="gpu-bench", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a toy shape on any device: checks the bench")
    args = parser.parse_args(argv)
    on_card = torch.cuda.is_available()
    if not on_card and not args.tiny:
        say("gpu-bench: no CUDA device here: not run, and RESULTS.md is unchanged.")
        return NO_CARD
    total = torch.cuda.get_device_properties(0).total_memory if on_card else 0
    lines, complete = [], True
    for case in TINY if args.tiny else CASES:
        found = measure(case, on_card, total)
        complete = complete and all(one.state == "completed" for one in found.values())
        lines += table(case, found)
    body = machine(["torch", "transformers", "trl", "bitsandbytes"]) + "\n\n" + HEADER + "".join(lines)
    say(body)
    if complete and not args.tiny:
        replace_section("On a GPU: the engine against bare TRL", body)
    return 0 if complete else 1


def measure(case: Case, on_card: bool, total: int) -> dict[str, Trained]:
    """Bare TRL, the engine with the same arguments, and the engine at its best."""
    with tempfile.TemporaryDirectory(prefix="pilothouse-versus-") as folder:
        scratch = Path(folder)
        os.environ["PILOTHOUSE_RUNS"] = str(scratch / "runs")
        shape.build_model(scratch / "model", case.shape, "bfloat16" if on_card else "float32")
        shape.write_pairs(scratch / "pairs.jsonl", 120, case.length // 2 - 1)
        same = settings(case, scratch, on_card)
        best = {**same, **{part: {**same[part], **keys} for part, keys in BEST.items()}}
        if case.fence and on_card:
            best["model"] = {**best["model"], "memory_fraction": case.fence / total}
        return {
            "bare TRL": bare(same, scratch),
            "engine": train("same", same, scratch),
            "engine, our best settings": train("best", best, scratch),
        }


def settings(case: Case, scratch: Path, on_card: bool) -> dict[str, Any]:
    base: dict[str, Any] = config(scratch / "model", scratch / "pairs.jsonl", on_card)
    sizes = {"max_steps": 20, "batch_size": 1, "accumulation": 4, "max_length": case.length}
    return {**base, "training": {**base["training"], **sizes}, "memory": {"longest_first": "never"}}


def bare(same: dict[str, Any], scratch: Path) -> Trained:
    path = scratch / "bare.yaml"
    path.write_text(json.dumps(same), encoding="utf-8")  # JSON is YAML
    command = [sys.executable, "-m", "tests.gpu.bare_trl", str(path), str(scratch / "bare")]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return Trained(f"failed ({done.returncode})", 0.0, None, None, ())
    found = json.loads(done.stdout.splitlines()[-1])
    return Trained("completed", found["tokens_per_s"], found["peak"], None, tuple(found["losses"]))


def table(case: Case, found: dict[str, Trained]) -> list[str]:
    """A line a way of training; × is against bare TRL."""
    base = found["bare TRL"]
    lines = []
    for name, one in found.items():
        fence = f" in {case.fence / GIB:g} GiB" if case.fence and "best" in name else ""
        peak = "—" if one.peak is None else f"{one.peak / GIB:.2f}"
        loss = f"{one.losses[-1]:.4f}" if one.losses else one.state
        cells = [
            f"{one.tokens_per_s:.0f}",
            _over(one.tokens_per_s, base.tokens_per_s),
            peak,
            _over(one.peak, base.peak),
            loss,
        ]
        lines.append(f"| {case.name} | {name}{fence} | {' | '.join(cells)} |\n")
    return lines


def _over(mine: float | None, other: float | None) -> str:
    return f"{mine / other:.2f}" if mine and other else "—"


if __name__ == "__main__":
    sys.exit(main())
