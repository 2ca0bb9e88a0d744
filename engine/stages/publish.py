"""A finished iteration leaves its work folder and becomes immutable, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import CorruptError
from engine.records import Metric
from engine.stages.job import Job
from engine.store.atomic import staged, verify
from engine.store.iterations import load_metrics

SCRATCH = frozenset({"checkpoints", "capability"})


def publish(job: Job) -> Mapping[str, Metric]:
    """Make iterations/NNN from the work folder, unless an earlier attempt got that far; its metrics, items included."""
    place = job.paths.iteration(job.index)
    if not _is_whole(place):
        with staged(place) as folder:
            for item in sorted(job.work.iterdir()):
                if item.name not in SCRATCH and not item.name.startswith("."):
                    _link(item, folder / item.name)
    return load_metrics(job.paths, job.index)


def clear(job: Job) -> None:
    """Throw the work folder away: all that is worth keeping is in the iteration."""
    shutil.rmtree(job.work, ignore_errors=True)


def _is_whole(place: Path) -> bool:
    if not place.exists():
        return False
    try:
        verify(place)
    except CorruptError:
        shutil.rmtree(place)  # not on record yet, and everything in it can be made again from the work folder
        return False
    return True


def _link(source: Path, target: Path) -> None:
    """Copy by hard link, so that weights are not written twice, or in full where links are refused."""
    copy: Any = _link_or_copy
    if source.is_dir():
        shutil.copytree(source, target, copy_function=copy)
    else:
        copy(source, target)


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
