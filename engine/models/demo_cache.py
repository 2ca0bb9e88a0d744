"""The trained demo baseline, kept between runs: made once on a machine, then copied."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import StoreError
from engine.store.atomic import staged, verify


def cache_folder(key: str, environ: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/pilothouse/demo-<key>`, under `~/.cache` by default."""
    home = environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says that a relative path is to be ignored.
    base = Path(home) if home.startswith("/") else Path.home() / ".cache"
    return base / "pilothouse" / f"demo-{key}"


def cached_base(folder: Path) -> Path | None:
    """`folder` if it holds a whole baseline; None, with what is damaged thrown away, if it must be made again."""
    if not folder.is_dir():
        return None
    try:
        verify(folder)
    except StoreError:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return folder


def keep_base(folder: Path, model: Any, tokenizer: Any) -> bool:
    """Save a trained baseline there, whole or not at all. False where the cache cannot be written: it is a comfort."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with staged(folder) as draft:
            write_base(draft, model, tokenizer)
    except (OSError, StoreError):
        return False
    return True


def write_base(folder: Path, model: Any, tokenizer: Any) -> None:
    """Model and tokenizer as `load_resident(…, base_dir=folder)` reads them."""
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
