"""`python -m tests.gpu.survive`, which `make gpu-check` runs: a run goes through a true out of memory.

The same training twice, of Qwen2.5-1.5B's shape in nf4: with the whole card, then behind a fence at 0.7 of what the
first one took. The second must end, have said what it did, and have the first one's losses. Without a card: exit 3.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.gpu import shape
from tests.gpu.check import NO_CARD, config
from tests.gpu.trained import Trained, train
from tui.commands.output import say

FENCE = 0.7
BATCH = {"batch_size": 8, "accumulation": 2, "max_steps": 8, "max_length": 512, "learning_rate": 1e-5}
TOLERANCE = 0.02  # of a loss near 0.7: bfloat16 adds up in another order in parts


def main() -> int:
    import torch

    if not torch.cuda.is_available():
        say("survive: no CUDA device here: not run.")
        return NO_CARD
    total = torch.cuda.get_device_properties(0).total_memory
    with tempfile.TemporaryDirectory(prefix="pilothouse-survive-") as folder:
        scratch = Path(folder)
        os.environ["PILOTHOUSE_RUNS"] = str(scratch / "runs")
        shape.build_model(scratch / "model", shape.QWEN_1_5B, "bfloat16")
        shape.write_pairs(scratch / "pairs.jsonl", 200, 255)
        whole = train("whole", fenced(scratch, 1.0), scratch)
        if not whole.reserved:
            say(f"survive: the run without a fence ended as {whole.state}")
            return 1
        behind = train("fenced", fenced(scratch, FENCE * whole.reserved / total), scratch)
    faults = judge(whole, behind)
    say(f"survive: {len(behind.told)} times out of memory, ended as {behind.state}", *behind.told, *faults)
    return 1 if faults else 0


def fenced(scratch: Path, fraction: float) -> dict[str, Any]:
    """The check's config with batches that fill some memory, on a share of the card."""
    base: dict[str, Any] = config(scratch / "model", scratch / "pairs.jsonl", True)
    model = {**base["model"], "gradient_checkpointing": False, "memory_fraction": fraction}
    return {**base, "model": model, "training": BATCH, "memory": {"longest_first": "never"}}


def judge(whole: Trained, behind: Trained) -> list[str]:
    """What is wrong, if anything."""
    faults = []
    if behind.state != "completed":
        faults.append(f"the run behind the fence ended as {behind.state}")
    if not behind.told:
        faults.append("memory never ran out behind the fence, so nothing was shown")
    if len(whole.losses) != len(behind.losses):
        faults.append(f"{len(behind.losses)} steps instead of {len(whole.losses)}")
    apart = max((abs(a - b) for a, b in zip(whole.losses, behind.losses, strict=False)), default=0.0)
    if apart > TOLERANCE:
        faults.append(f"losses are up to {apart:.3f} apart")
    return faults


if __name__ == "__main__":
    sys.exit(main())
