"""Where everything in a run directory is, which names a run may have, and how a run comes to be."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count
from pathlib import Path

from engine.errors import StoreError, UsageError
from engine.store.atomic import space_errors, sync_directory, write_text
from engine.store.schema import create_control, create_ledger

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RUNS_VARIABLE = "PILOTHOUSE_RUNS"


@dataclass(frozen=True, slots=True)
class RunPaths:
    """A run directory. Only `config_sha` touches the disk."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def plan(self) -> Path:
        """What the run was planned to need of a card, where anybody asked."""
        return self.root / "plan.json"

    @property
    def ledger(self) -> Path:
        return self.root / "run.db"

    @property
    def control(self) -> Path:
        return self.root / "control.db"

    @property
    def lock(self) -> Path:
        return self.root / "engine.lock"

    @property
    def engine_log(self) -> Path:
        return self.root / "engine.log"

    @property
    def log(self) -> Path:
        return self.root / "log.md"

    @property
    def ballast(self) -> Path:
        return self.root / "ballast"

    @property
    def final(self) -> Path:
        return self.root / "final"

    @property
    def iterations(self) -> Path:
        return self.root / "iterations"

    def iteration(self, index: int) -> Path:
        """A finished iteration: immutable."""
        return self.iterations / f"{index:03d}"

    def work(self, index: int) -> Path:
        """An iteration in the making: scratch that a resume may read and a finish throws away."""
        return self.iterations / f".work-{index:03d}"

    def checkpoints(self, index: int) -> Path:
        return self.work(index) / "checkpoints"

    def config_sha(self) -> str:
        """The sha256 of the config file, which an attempt is recorded with."""
        with space_errors(self.config):
            return hashlib.sha256(self.config.read_bytes()).hexdigest()


def runs_root(environ: Mapping[str, str] = os.environ) -> Path:
    return Path(environ.get(RUNS_VARIABLE) or "runs")


def check_name(name: str) -> str:
    """`name`, or a UsageError that says what a run's name may be."""
    if NAME.fullmatch(name):
        return name
    raise UsageError(
        f"{name[:80]!r} cannot be a run's name",
        remedy="use 1 to 64 letters, digits, dots, dashes and underscores, the first a letter or a digit",
    )


def is_run(root: Path) -> bool:
    return (root / "config.yaml").is_file() or (root / "run.db").is_file()


def list_runs() -> list[RunPaths]:
    """The runs under `runs_root`, the newest first. A directory that cannot be looked into is left out."""
    try:
        found = [RunPaths(root) for root in runs_root().iterdir() if NAME.fullmatch(root.name) and is_run(root)]
        return sorted(found, key=lambda run: (-_created(run), run.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"the runs in {runs_root()} cannot be listed: {error.strerror}") from error


def _created(run: RunPaths) -> float:
    path = run.config if run.config.exists() else run.ledger
    return path.stat().st_mtime


def find_run(name_or_path: str) -> RunPaths:
    """A run by its name under `runs_root`, or by the path of its directory. Raises UsageError naming the nearest."""
    by_path = os.sep in name_or_path or name_or_path in (".", "..")
    root = Path(name_or_path).resolve() if by_path else runs_root() / check_name(name_or_path)
    if is_run(root):
        return RunPaths(root)
    if root.is_dir():
        raise UsageError(f"{root} is not a run: it has neither config.yaml nor run.db")
    raise UsageError(f"there is no run {name_or_path!r} in {root.parent}", remedy=_nearest(name_or_path))


def _nearest(name: str) -> str:
    names = [run.name for run in list_runs()]
    near = get_close_matches(name, names, n=3, cutoff=0.4) or names[:3]
    return f"did you mean {', '.join(near)}?" if near else "no run has been started here; `pilothouse demo` starts one"


def unused_name(stem: str) -> str:
    """`stem`, or the first of stem-2, stem-3, … that no run has. The stem is cut so that the name stays legal."""
    candidates: Iterator[str] = (stem[:58] if n == 1 else f"{stem[:58]}-{n}" for n in count(1))
    return next(check_name(name) for name in candidates if not (runs_root() / name).exists())


def create_run(name: str, config_text: str) -> RunPaths:
    """A new run directory (0700) with its config and both databases, which appears whole or not at all.

    Raises UsageError where the name is illegal or taken, NoSpaceError, StoreError.
    """
    root = runs_root() / check_name(name)
    with space_errors(root):
        root.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = Path(tempfile.mkdtemp(prefix=f".new-{name}-", dir=root.parent))
        try:
            _fill(RunPaths(staging), config_text)
            _claim(staging, root)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        sync_directory(root.parent)
    return RunPaths(root)


def _fill(paths: RunPaths, config_text: str) -> None:
    paths.iterations.mkdir(mode=0o700)
    write_text(paths.config, config_text)
    create_ledger(paths.ledger)
    create_control(paths.control)


def _claim(staging: Path, root: Path) -> None:
    """Take the name: rename refuses a directory with something in it, so two creators cannot both win."""
    taken = UsageError(f"there is already a run {root.name!r} in {root.parent}", remedy="give another with --name")
    if root.exists():
        raise taken
    try:
        staging.rename(root)
    except OSError as error:
        raise taken if root.exists() else error from error
