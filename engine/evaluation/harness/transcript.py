"""What was answered already: one line of JSON a batch, so that a killed evaluation goes on behind its last batch."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

SYNC_S = 1.0  # a kill loses nothing that was written; a power cut, at most this much


class Transcript:
    """Answers by key. `salt` names all that they depend on besides the request: another salt's are not used.

    Without a `path` nothing is kept. A last line that a kill cut short is dropped.
    """

    def __init__(self, path: Path | None = None, salt: str = "") -> None:
        self._known: dict[str, Any] = {}
        self._file = None
        self._synced = time.monotonic()
        if path is not None:
            whole = _read(path, salt, self._known)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
            self._file.truncate(whole)
            if not whole:
                self._write({"salt": salt})

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> Any:
        return self._known[key]

    def add(self, answers: Mapping[str, Any]) -> None:
        """Keep a batch's answers, which are plain JSON: all of them or, after a kill in between, none."""
        self._known.update(answers)
        self._write({"answers": dict(answers)})

    def __enter__(self) -> Transcript:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()
        if time.monotonic() - self._synced > SYNC_S:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()


def _read(path: Path, salt: str, known: dict[str, Any]) -> int:
    """Fill `known`; how many bytes of the file are whole lines under `salt`."""
    whole = 0
    try:
        with path.open("rb") as file:
            for line in file:
                record = json.loads(line) if line.endswith(b"\n") else {}
                if not whole and record.get("salt") != salt:
                    return 0
                if whole and "answers" not in record:
                    break
                known.update(record.get("answers", {}))
                whole += len(line)
    except (FileNotFoundError, ValueError):
        pass
    return whole
