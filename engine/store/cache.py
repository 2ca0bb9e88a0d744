"""Things that any run may reuse and none may rely on: made once, verified at each use, made again when damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.errors import StoreError
from engine.places import cache_root
from engine.store.atomic import staged, verify


def cached(key: str) -> Path | None:
    """The cached folder of that key, whole; None where there is none. A damaged one is thrown away."""
    place = cache_root() / key
    if not place.exists():
        return None
    try:
        verify(place)
    except StoreError:
        shutil.rmtree(place, ignore_errors=True)
        return None
    return place


def keep(key: str, folder: Path) -> None:
    """Put a copy of `folder` into the cache. Never an error: a cache that cannot be written is only slower."""
    place = cache_root() / key
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not place.exists():
            with staged(place) as copy:
                shutil.copytree(folder, copy, dirs_exist_ok=True)
    except (OSError, StoreError):
        return
