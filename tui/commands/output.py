"""What the command writes: plain lines, aligned tables and JSON on standard output, complaints on standard error."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from engine.records import as_json
from engine.text import clean, one_line

WIDTH = 80


def say(*lines: str) -> None:
    """Lines for a person, cleaned: names and reasons may come from a stranger's run."""
    sys.stdout.write("".join(f"{clean(line)}\n" for line in lines))


def emit(value: Any) -> None:
    """One JSON document and nothing else."""
    json.dump(as_json(value), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def complain(text: str) -> None:
    sys.stderr.write(f"pilothouse: {clean(text)}\n")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], width: int = WIDTH) -> list[str]:
    """Aligned columns; a header that starts with `>` aligns its column to the right. Cut at `width`."""
    right = [name.startswith(">") for name in header]
    lines = [[name.removeprefix(">") for name in header], *([one_line(cell) for cell in row] for row in rows)]
    sizes = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [_row(line, sizes, right, width) for line in lines]


def _row(cells: list[str], sizes: list[int], right: list[bool], width: int) -> str:
    padded = [
        cell.rjust(size) if to_right else cell.ljust(size)
        for cell, size, to_right in zip(cells, sizes, right, strict=True)
    ]
    line = "  ".join(padded).rstrip()
    return line if len(line) <= width else line[: width - 1] + "…"


class Status:
    """One line that says what is being done, on a terminal alone, and is gone when it is done."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream if stream.isatty() else None

    def __enter__(self) -> Status:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.clear()

    def __call__(self, doing: str) -> None:
        if self._stream:
            self._stream.write(f"\r\x1b[K{one_line(doing)[: shutil.get_terminal_size().columns - 1]}")
            self._stream.flush()

    def clear(self) -> None:
        if self._stream:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
