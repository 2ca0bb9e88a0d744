"""What is kept for the next run is used whole, made again when damaged, and never in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.places import cache_root
from engine.store.atomic import verify
from engine.store.cache import cached, keep


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something worth keeping, and a cache of our own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "weights").write_bytes(b"w" * 100)
    return tmp_path / "made"


def test_what_is_kept_is_found_whole(made: Path) -> None:
    assert cached("k") is None
    keep("k", made)
    keep("k", made)
    place = cached("k")
    assert place == cache_root() / "k"
    assert verify(place).size == 100


def test_what_is_damaged_is_thrown_away(made: Path) -> None:
    keep("k", made)
    os.truncate(cache_root() / "k" / "weights", 99)
    assert cached("k") is None
    assert not (cache_root() / "k").exists()


def test_a_cache_that_cannot_be_written_is_no_error(made: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the cache should be")
    keep("k", made)
    assert cached("k") is None
