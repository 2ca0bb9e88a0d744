"""The iteration log of a run directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.judgement import Comparison, compare
from engine.judgement.balance import Balance, balance
from engine.records import History, as_json
from engine.report.document import markdown
from engine.report.entries import log_of

if TYPE_CHECKING:
    from engine.config import RunConfig
    from engine.store.paths import RunPaths


def iteration_log(paths: RunPaths) -> str:
    """The log as markdown, from the ledger. Raises StoreError or ConfigError."""
    return markdown(_history(paths))


def log_json(paths: RunPaths) -> dict[str, Any]:
    """The same as plain JSON."""
    log: dict[str, Any] = as_json(log_of(_history(paths)))
    return log


def compare_run(paths: RunPaths) -> tuple[Comparison, Balance]:
    """The iterations of a run side by side, and helpfulness against harmlessness over them.

    Reads every item that was evaluated: not for an event loop. Raises StoreError or ConfigError.
    """
    from engine.config import load_config

    config = load_config(paths.config)
    history = _told(paths, config)
    return compare(history), balance(history, config.data.kinds)


def _history(paths: RunPaths) -> History:
    from engine.config import load_config

    return _told(paths, load_config(paths.config))


def _told(paths: RunPaths, config: RunConfig) -> History:
    from engine.config import iteration_settings
    from engine.store.reader import Reader

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
