"""Where Pilothouse keeps what belongs to a person and not to a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    """What may be thrown away at any time: it is made again where it is missed."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pilothouse"
