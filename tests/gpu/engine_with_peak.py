"""The engine as `python -m engine RUN_DIR` starts it; at its end torch says its own peak, to compare the panel with."""

import atexit
import json
import os
import runpy
from pathlib import Path

WHERE = "PILOTHOUSE_TORCH_PEAK"


def write_peak() -> None:
    from engine.memory.torch_side import run_peak

    peak = {"allocated": run_peak("cuda")}
    Path(os.environ[WHERE]).write_text(json.dumps(peak), encoding="utf-8")


if __name__ == "__main__":
    atexit.register(write_peak)
    runpy.run_module("engine", run_name="__main__", alter_sys=True)
