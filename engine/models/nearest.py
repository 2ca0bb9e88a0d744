"""What a person may have meant by a path that is not there."""

from __future__ import annotations

import difflib
from pathlib import Path


def nearest_files(path: Path, suffix: str = "") -> str:
    """One line that names the entries beside `path` whose names are closest, or what is there at all."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(suffix))
    except OSError:
        return f"{folder} cannot be read"
    close = difflib.get_close_matches(path.name, names, 3, 0.5) if folder == path.parent else []
    if close:
        return f"did you mean {' or '.join(str(folder / name) for name in close)}?"
    return f"{folder} holds {', '.join(names[:8]) + (', …' if len(names) > 8 else '') if names else 'nothing like it'}"
