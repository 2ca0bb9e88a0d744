"""The pairs of an iteration as a file, in a form that people and other tools can read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from engine.data.task import Pair
from engine.store.atomic import write_text

COLLECTED = "collected.jsonl"
PAIRS = "pairs.jsonl"


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(json.dumps(pair.as_json(), ensure_ascii=False) + "\n" for pair in pairs))


def read_pairs(path: Path) -> list[Pair]:
    with path.open(encoding="utf-8") as lines:
        return [Pair.parse(json.loads(line)) for line in lines]
