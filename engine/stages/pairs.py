"""The data of an iteration as files, in a form that people and other tools can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.data.task import Pair
from engine.records import Example, Metric
from engine.store.atomic import write_json, write_text
from engine.store.iterations import BEST, DROPPED, EXAMPLES, PAIRS

COLLECTED = "collected.jsonl"
MANIFEST = "data.json"

__all__ = [
    "BEST",
    "COLLECTED",
    "DROPPED",
    "EXAMPLES",
    "MANIFEST",
    "PAIRS",
    "add_to_manifest",
    "read_data_metrics",
    "read_examples",
    "read_pairs",
    "write_dropped",
    "write_examples",
    "write_pairs",
]


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    _write(path, pairs)


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """`sft.jsonl`, what was imitated, or `best.jsonl`, what is to be imitated next."""
    _write(path, examples)


def read_examples(path: Path) -> list[Example]:
    """None where there is no such file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [Example.parse(json.loads(line)) for line in lines]


def write_dropped(folder: Path, dropped: Iterable[tuple[Pair, str]]) -> None:
    """`dropped.jsonl`: pairs as `write_pairs` writes them, each with the filter that left it out."""
    rows = ({**pair.as_json(), "filter": reason} for pair, reason in dropped)
    write_text(folder / DROPPED, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_pairs(path: Path) -> list[Pair]:
    with path.open(encoding="utf-8") as lines:
        return [Pair.parse(json.loads(line)) for line in lines]


def read_data_metrics(folder: Path) -> dict[str, Metric]:
    """The metrics of the data in an iteration's folder; none where it has no manifest, as the baseline has not."""
    path = folder / MANIFEST
    raw = json.loads(path.read_text("utf-8")).get("metrics", []) if path.exists() else []
    return {metric["name"]: Metric.parse(metric) for metric in raw}


def add_to_manifest(folder: Path, **sections: Mapping[str, Any]) -> None:
    """Say more of the data in `data.json`, beside what is said of the pairs. Doing it twice is doing it once."""
    path = folder / MANIFEST
    write_json(path, {**json.loads(path.read_text("utf-8")), **sections})


def _write(path: Path, records: Iterable[Pair] | Iterable[Example]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(json.dumps(record.as_json(), ensure_ascii=False) + "\n" for record in records))
