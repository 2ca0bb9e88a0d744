"""TRL's own DPOTrainer on the engine's model, data and arguments, with nothing of ours around it: prints JSON.

`python -m tests.gpu.bare_trl CONFIG.json WORK_FOLDER`, a process of its own: peaks are a process's.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from transformers import PrinterCallback, TrainerCallback

from tests.gpu.trained import rate


class Marks(TrainerCallback):
    """(seconds, tokens so far) and the loss at each logged step."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float]] = []
        self.losses: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" in logs:
            self.marks.append((time.time(), logs["num_tokens"]))
            self.losses.append(logs["loss"])


def measure(config_path: Path, work: Path) -> dict[str, Any]:
    import torch
    from datasets import Dataset
    from trl import DPOTrainer

    from engine.config import load_config
    from engine.models.load import load_resident
    from engine.stages.objectives.direct import dpo_arguments

    config = load_config(config_path, [])
    resident = load_resident(config.model, config.training.seed)
    pairs = [json.loads(line) for line in Path(config.data.path or "").read_text("utf-8").splitlines()]
    marks = Marks()
    trainer = DPOTrainer(
        model=resident.model,
        args=dpo_arguments(config, resident, work, config.training.seed),
        train_dataset=Dataset.from_list(pairs),
        processing_class=resident.tokenizer,
        callbacks=[marks],
    )
    trainer.remove_callback(PrinterCallback)
    resident.model.delete_adapter("ref")  # the baseline is the reference, as in the engine
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    return {"tokens_per_s": rate(marks.marks), "peak": peak, "losses": marks.losses}


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]))))  # noqa: T201
