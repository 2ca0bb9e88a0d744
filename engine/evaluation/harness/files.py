"""The three benchmarks from files as their authors publish them, as the harness's `custom_dataset`."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset

from engine.errors import DataError

Splits = Mapping[str, Dataset]


def gsm8k(data_files: str, **_: Any) -> Splits:
    """`test` from JSON Lines of `question` and `answer` (openai/grade-school-math)."""
    return {"test": _lines(Path(data_files), {"question", "answer"})}


def humaneval(data_files: str = "", **_: Any) -> Splits:
    """`test` from JSON Lines, gzipped or not (openai/human-eval); from the hub where no file is named."""
    if not data_files:
        return {"test": load_dataset("openai/openai_humaneval", split="test")}
    return {"test": _lines(Path(data_files), {"prompt", "entry_point", "test"})}


def mmlu(data_files: str, subject: str, **_: Any) -> Splits:
    """One subject's `dev` and `test` from the archive of CSV files (hendrycks/test); `val` where it has no `test`."""
    splits = _archive(Path(data_files))
    test = next((split for split in ("test", "val") if (split, subject) in splits), None)
    if test is None:
        raise DataError(f"{data_files}: no questions about {subject}", remedy=_SHAPE)
    found = {"test": splits[test, subject], "dev": splits.get(("dev", subject), ())}
    return {name: Dataset.from_list(list(rows)) for name, rows in found.items() if rows}


_SHAPE = "an archive with data/dev/SUBJECT_dev.csv and data/val/SUBJECT_val.csv or data/test/SUBJECT_test.csv"


@lru_cache(maxsize=2)
def _archive(path: Path) -> dict[tuple[str, str], tuple[dict[str, Any], ...]]:
    """Questions by (split, subject)."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            texts = {name: archive.read(name).decode("utf-8") for name in names}
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {error}", remedy=_SHAPE) from None
    found = {}
    for name, text in texts.items():
        subject, _, split = Path(name).stem.rpartition("_")
        found[split, subject] = tuple(_questions(f"{path}: {name}", text))
    return found


def _questions(where: str, text: str) -> Iterator[dict[str, Any]]:
    for line, row in enumerate(csv.reader(io.StringIO(text)), 1):
        if len(row) != 6 or row[5] not in "ABCD":
            raise DataError(f"{where}: line {line}: expected a question, four choices and one of A, B, C, D")
        yield {"question": row[0], "choices": row[1:5], "answer": "ABCD".index(row[5])}


def _lines(path: Path, fields: set[str]) -> Dataset:
    opened = gzip.open if path.suffix == ".gz" else open
    rows = []
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                record = json.loads(line)
                if not isinstance(record, dict) or not fields <= record.keys():
                    raise ValueError(f"line {number}: expected {', '.join(sorted(fields))}")
                rows.append(record)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path}: {error}") from None
    if not rows:
        raise DataError(f"{path}: no records")
    return Dataset.from_list(rows)
