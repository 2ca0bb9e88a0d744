"""The iteration log of a run directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.judgement import Comparison, compare
from engine.records import History, as_json
from engine.report.document import markdown
from engine.report.entries import log_of

if TYPE_CHECKING:
    from engine.store.paths import RunPaths


def iteration_log(paths: RunPaths) -> str:
    """The log as markdown, from the ledger. Raises StoreError or ConfigError."""
    return markdown(_history(paths))


def log_json(paths: RunPaths) -> dict[str, Any]:
    """The same as plain JSON."""
    log: dict[str, Any] = as_json(log_of(_history(paths)))
    return log


def compare_run(paths: RunPaths) -> Comparison:
    """The iterations of a run side by side. Reads every item that was evaluated: not for an event loop.

    Raises StoreError or ConfigError.
    """
    return compare(_history(paths))


def _history(paths: RunPaths) -> History:
    from engine.config import iteration_settings, load_config
    from engine.store.reader import Reader

    config = load_config(paths.config)
    with Reader(paths.ledger) as reader:
        iterations = reader.iterations(items=True)
    return History(
        paths.name,
        iterations,
        thresholds=config.thresholds,
        budget=config.budget,
        evidence=config.evidence,
        config=iteration_settings(config),
    )
