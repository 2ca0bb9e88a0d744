"""Preference files and hub datasets, read record by record: what is malformed is counted by line, never guessed at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.config.schema import DataConfig
from engine.data.formats import BadRecordError, parse_record
from engine.data.task import DataReport, Pair
from engine.errors import DataError
from engine.models.nearest import nearest_files
from engine.text import one_line

LISTED = 5  # bad records that an error message lists

Numbered = tuple[int, Any]
"""A line number (a record number, for hub datasets) and its record; a record may be a BadRecordError."""


def load_pairs(config: DataConfig) -> tuple[list[Pair], DataReport]:
    """The pairs that `data.path` or `data.dataset` holds, and a report of what was left out.

    Raises DataError when there is nothing to read, or more than `data.bad_share` of it is bad.
    """
    if config.path:
        return collect_pairs(read_records(Path(config.path).expanduser()), config.path, config.bad_share)
    assert config.dataset is not None
    return collect_pairs(_hub_records(config.dataset, config.split), config.dataset, config.bad_share)


def collect_pairs(records: Iterable[Numbered], source: str, bad_share: float) -> tuple[list[Pair], DataReport]:
    pairs: list[Pair] = []
    bad: list[tuple[int, str]] = []
    for line, record in records:
        try:
            if isinstance(record, BadRecordError):
                raise record
            pairs.append(parse_record(record))
        except BadRecordError as problem:
            bad.append((line, str(problem)))
    report = DataReport(one_line(source), len(pairs), tuple(bad))
    _check(report, bad_share)
    return pairs, report


def read_records(path: Path) -> Iterator[Numbered]:
    """(line, record) of each record in a JSON array or JSON Lines file. Raises DataError."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file", remedy=nearest_files(path)) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    return _array(text, path) if text.lstrip().startswith("[") else _lines(text)


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


def _hub_records(name: str, split: str) -> Iterator[Numbered]:
    """A dataset by name, from the hub or its cache."""
    from datasets import load_dataset

    try:
        rows = load_dataset(name, split=split)
    except Exception as error:  # datasets raises a dozen kinds, and none of them is ours to tell apart
        reason = one_line(str(error))
        raise DataError(
            f"data.dataset = {name} ({split}): {reason}",
            remedy="check the name, the split and the network, or set data.path to a local file",
        ) from error
    yield from enumerate(rows, 1)


def _check(report: DataReport, bad_share: float) -> None:
    total = report.kept + len(report.bad)
    if total == 0:
        raise DataError(f"{report.source}: no records", remedy="it needs objects with prompt, chosen and rejected")
    if len(report.bad) <= bad_share * total and report.kept:
        return
    listed = "".join(f"\n  line {line}: {problem}" for line, problem in report.bad[:LISTED])
    more = f"\n  … and {len(report.bad) - LISTED} more" if len(report.bad) > LISTED else ""
    share = f"{len(report.bad)} of {total} records are bad, over data.bad_share = {bad_share:g}"
    raise DataError(
        f"{report.source}: {share}{listed}{more}",
        remedy="mend them, or raise data.bad_share to leave them out",
    )
