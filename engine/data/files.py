"""Files of records as they lie about: JSON, JSON Lines, CSV, Parquet; the first three gzipped too.

Every record keeps the line that it begins on (in Parquet its number), so that a fault can be found.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.data.formats import BadRecordError
from engine.errors import DataError
from engine.models.nearest import nearest_files

Numbered = tuple[int, Any]
"""A line number (a record number, for Parquet and hub datasets) and its record; a record may be a BadRecordError."""

GZIP = b"\x1f\x8b"


def read_records(path: Path) -> Iterator[Numbered]:
    """(line, record) of each record in the file. Raises DataError for a file that cannot be read at all."""
    suffixes = [suffix.casefold() for suffix in path.suffixes]
    if suffixes[-1:] == [".parquet"]:
        return _parquet(path)
    text = _text(path)
    if ".csv" in suffixes[-2:]:
        return _csv(text, path)
    return _array(text, path) if text.lstrip().startswith("[") else _lines(text)


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if raw.startswith(GZIP) else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file", remedy=nearest_files(path)) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged or cut short: {error}", remedy="download or compress it again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _lines(text: str) -> Iterator[Numbered]:
    # Not splitlines(): it also breaks at U+2028 and friends, which JSON allows inside a string.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, BadRecordError(f"not JSON: {getattr(error, 'msg', error)}")


def _array(text: str, path: Path) -> Iterator[Numbered]:
    """Records one by one, so that each keeps the line that it begins on."""
    decoder, place, line = json.JSONDecoder(), text.index("[") + 1, 1 + text.count("\n", 0, text.index("["))
    while True:
        start = _skip(text, place, " \t\r\n,")
        line += text.count("\n", place, start)
        if text[start : start + 1] == "]":
            return
        try:
            record, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            at = getattr(error, "lineno", line)
            raise DataError(f"{path}: line {at}: not JSON: {getattr(error, 'msg', error)}") from None
        yield line, record
        line += text.count("\n", start, end)
        place = end


def _skip(text: str, place: int, what: str) -> int:
    while place < len(text) and text[place] in what:
        place += 1
    return place


def _csv(text: str, path: Path) -> Iterator[Numbered]:
    """A header and rows. A cell that holds a JSON list or object is one; numbers stay text but for the scores."""
    csv.field_size_limit(sys.maxsize)
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if not rows.fieldnames or len(rows.fieldnames) < 2:
            raise DataError(f"{path}: no header of columns", remedy="its first line must name prompt, chosen, rejected")
        for row in rows:
            if None in row or None in row.values():
                yield rows.line_num, BadRecordError("not as many cells as the header has columns")
            else:
                yield rows.line_num, {name: _cell(name, cell) for name, cell in row.items() if cell != ""}
    except csv.Error as error:
        raise DataError(f"{path}: line {rows.line_num}: not CSV: {error}") from None


def _cell(name: str, cell: str) -> Any:
    try:
        if name.startswith("score_"):
            return float(cell)
        return json.loads(cell) if cell.startswith(("[{", '{"')) else cell
    except (ValueError, RecursionError):
        return cell


def _parquet(path: Path) -> Iterator[Numbered]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as table:
            number = 0
            for batch in table.iter_batches():
                for record in batch.to_pylist():
                    number += 1
                    yield number, {name: value for name, value in record.items() if value is not None}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file", remedy=nearest_files(path)) from None
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: not a Parquet file that can be read: {error}"[:300]) from None
