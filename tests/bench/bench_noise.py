"""How well the noise check finds flipped labels: UltraFeedback pairs, one in five turned round; which, is known."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.config.schema import DataConfig
from engine.data.noise import suspicions
from engine.data.sources import load_pairs
from engine.data.task import Pair
from tests.bench.table import Row
from tests.fixtures.ranking import auc

NAME = "Noise check"
PACKAGES = ("numpy", "scipy")
SEEDS = range(5)  # of the folds
SURE = 4  # standard errors above chance
FIRST = 100  # pairs that a person would look at


def measure() -> list[Row]:
    """All rows, in half a minute. Raises SystemExit without PILOTHOUSE_DATA."""
    if not (data := os.environ.get("PILOTHOUSE_DATA")):
        raise SystemExit("PILOTHOUSE_DATA is not set: it names the folder with pref")
    return _rows("the texts alone", *noisy_pairs(Path(data) / "pref"))


def noisy_pairs(pref: Path) -> tuple[list[Pair], list[bool]]:
    """The pairs as they are given, and which of them have other sides than in the file before the flips."""
    clean = {row["source_index"]: row["chosen"] for row in _rows_of(pref / "ultrafeedback_train_clean.jsonl")}
    path = pref / "ultrafeedback_label_flip_20.jsonl"
    pairs, _ = load_pairs(DataConfig(source="file", path=str(path)))
    return pairs, [row["chosen"] != clean[row["source_index"]] for row in _rows_of(path)]


def _rows(what: str, pairs: Sequence[Pair], flipped: Sequence[bool]) -> list[Row]:
    began = time.process_time()
    found = [suspicions(pairs, seed=seed) for seed in SEEDS]
    took = (time.process_time() - began) / len(SEEDS)
    areas = [auc(each, flipped) for each in found]
    mean, hits = sum(areas) / len(areas), sum(flipped)
    error = math.sqrt((len(pairs) + 1) / (12 * hits * (len(pairs) - hits)))  # of chance itself
    first = [sum(flipped[i] for i in (-each).argsort()[:FIRST]) / FIRST for each in found]
    spread = f"{mean:.3f} ({min(areas):.3f} to {max(areas):.3f} over {len(SEEDS)} splits)"
    return [
        Row(
            f"{what}: AUC",
            spread,
            f"> {0.5 + SURE * error:.3f}, {SURE} s.e. above chance",
            min(areas) > 0.5 + SURE * error,
        ),
        Row(
            f"{what}: flipped among the first {FIRST}",
            f"{sum(first) / len(first):.0%} (of all: {hits / len(pairs):.0%})",
        ),
        Row(f"{what}: time of one check of {len(pairs):,} pairs", f"{took:.1f} s"),
    ]


def _rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
