"""`python -m engine RUN_DIR`: one detached engine for one run.

It takes the run's lock before anything heavy is imported, so that a second engine is refused at once (exit 75), and it
is the one place where a failure is recorded and turned into an exit code. The operators read the rest in `run.db`.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from engine.errors import NoSpaceError, PilothouseError
from engine.helm import Helm, Stopped
from engine.memory.gauge import Gauge
from engine.memory.nvml import Sampler
from engine.store.atomic import drop_ballast
from engine.store.control import Inbox
from engine.store.ledger import Ledger
from engine.store.lock import EngineLock
from engine.store.paths import RunPaths

if TYPE_CHECKING:
    from engine.config import RunConfig

ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "TQDM_DISABLE": "1",
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m engine RUN_DIR", file=sys.stderr)  # noqa: T201
        return 2
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    paths = RunPaths(Path(arguments[0]).resolve())
    try:
        with EngineLock.acquire(paths), Ledger.open(paths) as ledger:
            return _engine(paths, ledger)
    except PilothouseError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code


def _engine(paths: RunPaths, ledger: Ledger) -> int:
    sampler = Sampler()
    sampler.start()
    gauge = Gauge(sampler)
    helm = Helm(ledger, Inbox(paths), gauge, beside=gauge.beside)
    signal.signal(signal.SIGTERM, lambda number, frame: _asked_to_stop(helm, number, frame))
    try:
        _run(paths, ledger, helm, gauge)
    except Stopped:
        helm.become("stopped")
        ledger.end_attempt("stopped")
    except Exception as error:
        return _failed(paths, ledger, helm, error)
    finally:
        sampler.stop()
    return 0


def _run(paths: RunPaths, ledger: Ledger, helm: Helm, gauge: Gauge) -> None:
    from engine.config import load_config

    config = load_config(paths.config)
    attempt = ledger.begin_attempt(paths.config_sha())
    helm.become("starting")
    announce(ledger, config, attempt)
    os.environ.update({**ENVIRONMENT, "OMP_NUM_THREADS": str(config.threads)})  # before torch reads it
    if config.model.expandable_segments and sys.platform == "linux":
        os.environ["PYTORCH_ALLOC_CONF"] = allocator(os.environ)
    warnings.filterwarnings("ignore", category=FutureWarning)  # the libraries talking to each other
    from engine.loop import Loop

    Loop(paths, config, ledger, helm, gauge).run()
    helm.become("completed")
    ledger.end_attempt("completed")


def announce(ledger: Ledger, config: RunConfig, attempt: int) -> None:
    """That an engine begins and, in a run's first one, which settings gave way so that it fits its card."""
    ledger.event("engine.start", f"engine {attempt} of this run, process {os.getpid()}")
    if attempt == 1 and config.memory.chosen:
        ledger.event("memory.fit", f"auto: fit chose {'; '.join(config.memory.chosen)}")


def allocator(environment: Mapping[str, str]) -> str:
    """torch's allocator options with expandable segments among them; what the user set stays, also against them."""
    given = environment.get("PYTORCH_ALLOC_CONF") or environment.get("PYTORCH_CUDA_ALLOC_CONF") or ""
    if "expandable_segments" in given:
        return given
    return ",".join(filter(None, [given, "expandable_segments:True"]))


def _asked_to_stop(helm: Helm, _number: int, _frame: FrameType | None) -> None:
    """SIGTERM is `stop`: taken at the next boundary, since a handler may run in the middle of anything."""
    helm.terminated = True


def _failed(paths: RunPaths, ledger: Ledger, helm: Helm, error: Exception) -> int:
    """Put the failure on record, whatever failed; its traceback goes to engine.log."""
    traceback.print_exc()
    if isinstance(error, NoSpaceError):
        drop_ballast(paths.ballast)
    words = str(error) if isinstance(error, PilothouseError) else f"{type(error).__name__}: {error}"
    ledger.event("engine.failed", words, "error")
    helm.become("failed", words)
    ledger.end_attempt("failed")
    return error.exit_code if isinstance(error, PilothouseError) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
