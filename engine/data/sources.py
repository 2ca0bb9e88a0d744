"""Preference files and hub datasets, read record by record: what is malformed is counted by line, never guessed at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.config.schema import DataConfig
from engine.data.files import Numbered, read_records
from engine.data.formats import BadRecordError, Unpaired, pair_up, parse_record
from engine.data.task import DataReport, Pair
from engine.errors import DataError
from engine.text import one_line

LISTED = 5  # bad records that an error message lists

__all__ = ["check_share", "collect_pairs", "load_pairs", "read_records"]


def load_pairs(config: DataConfig) -> tuple[list[Pair], DataReport]:
    """The pairs that `data.path` or `data.dataset` holds, and a report of what was left out.

    Raises DataError when there is nothing to read, or more than `data.bad_share` of it is bad.
    """
    if config.path:
        return collect_pairs(read_records(Path(config.path).expanduser()), config.path, config.bad_share)
    assert config.dataset is not None
    return collect_pairs(_hub_records(config.dataset, config.split), config.dataset, config.bad_share)


def collect_pairs(records: Iterable[Numbered], source: str, bad_share: float) -> tuple[list[Pair], DataReport]:
    """Pairs in order, those made of unpaired answers last. Raises DataError as `load_pairs` does."""
    pairs: list[Pair] = []
    answers: list[Unpaired] = []
    bad: list[tuple[int, str]] = []
    for line, record in records:
        try:
            if isinstance(record, BadRecordError):
                raise record
            found = parse_record(record)
        except BadRecordError as problem:
            bad.append((line, str(problem)))
        else:
            (answers if isinstance(found, Unpaired) else pairs).append(found)  # type: ignore[arg-type]
    check_share(one_line(source), len(pairs) + len(answers), bad, bad_share)
    made, left_over = pair_up(answers)
    if not pairs + made:
        raise DataError(
            f"{one_line(source)}: {left_over} labelled answers, and no prompt has both a true and a false one",
            remedy="preference training needs two answers to a prompt: give pairs, or collect on policy",
        )
    return pairs + made, DataReport(one_line(source), len(pairs + made), tuple(bad), left_over)


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
    yield from enumerate(({key: value for key, value in row.items() if value is not None} for row in rows), 1)


def check_share(source: str, good: int, bad: list[tuple[int, str]], bad_share: float) -> None:
    """Raises DataError where more than `bad_share` of a file's records are malformed, or there are none at all."""
    total = good + len(bad)
    if total == 0:
        raise DataError(f"{source}: no records", remedy="it needs objects with a prompt and what was answered")
    if len(bad) <= bad_share * total and good:
        return
    listed = "".join(f"\n  line {line}: {problem}" for line, problem in bad[:LISTED])
    more = f"\n  … and {len(bad) - LISTED} more" if len(bad) > LISTED else ""
    share = f"{len(bad)} of {total} records are bad, over data.bad_share = {bad_share:g}"
    raise DataError(
        f"{source}: {share}{listed}{more}",
        remedy="mend them, or raise data.bad_share to leave them out",
    )
