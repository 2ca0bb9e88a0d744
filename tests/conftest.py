"""What every test may ask for: a place of its own for runs, and a umask like the engine's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty runs directory, which `runs_root` and child processes find through PILOTHOUSE_RUNS."""
    root = tmp_path / "runs"
    monkeypatch.setenv("PILOTHOUSE_RUNS", str(root))
    return root


@pytest.fixture
def umask() -> Iterator[None]:
    """The widest umask, so that only explicit modes keep files private."""
    before = os.umask(0)
    yield
    os.umask(before)
