"""How well the noise check finds flipped labels: UltraFeedback pairs, one in five turned round; which, is known."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from engine.config.schema import DataConfig, ModelConfig
from engine.data.noise import suspicions
from engine.data.sources import load_pairs
from engine.data.task import Pair
from engine.evaluation.forward import completion_logprobs
from engine.models.load import load_resident
from engine.models.tokens import sequence_ids
from tests.bench.table import Row
from tests.fixtures.ranking import auc

NAME = "Noise check"
PACKAGES = ("torch", "scipy")
SEEDS = range(5)  # of the folds
SURE = 4  # standard errors above chance
FIRST = 100  # pairs that a person would look at


def measure() -> list[Row]:
    """All rows, in some minutes on a CPU. Raises SystemExit without PILOTHOUSE_DATA."""
    if not (data := os.environ.get("PILOTHOUSE_DATA")):
        raise SystemExit("PILOTHOUSE_DATA is not set: it names the folder with pref and models")
    torch.set_num_threads(1)
    pairs, flipped = noisy_pairs(Path(data) / "pref")
    began = time.perf_counter()
    story = story_logprobs(Path(data) / "models/stories260K", pairs)
    read = time.perf_counter() - began
    return [
        *_rows("features of the texts", pairs, flipped, None),
        *_rows(f"and log-probabilities of stories260K ({read:.0f} s to read)", pairs, flipped, story),
    ]


def noisy_pairs(pref: Path) -> tuple[list[Pair], list[bool]]:
    """The pairs as they are given, and which of them have other sides than in the file before the flips."""
    clean = {row["source_index"]: row["chosen"] for row in _rows_of(pref / "ultrafeedback_train_clean.jsonl")}
    path = pref / "ultrafeedback_label_flip_20.jsonl"
    pairs, _ = load_pairs(DataConfig(source="file", path=str(path)))
    return pairs, [row["chosen"] != clean[row["source_index"]] for row in _rows_of(path)]


def story_logprobs(folder: Path, pairs: Sequence[Pair]) -> list[tuple[float, float]]:
    """Log-probabilities of both sides under a small model that never saw an instruction."""
    resident = load_resident(ModelConfig(name=str(folder), device="cpu"), 0)
    texts = [(pair.prompt, side) for pair in pairs for side in (pair.chosen, pair.rejected)]
    sums = completion_logprobs(resident, [sequence_ids(resident.tokenizer, *text) for text in texts], 16)
    return list(zip(sums[::2], sums[1::2], strict=True))


def _rows(what: str, pairs: Sequence[Pair], flipped: Sequence[bool], logprobs: Any) -> list[Row]:
    began = time.perf_counter()
    found = [suspicions(pairs, logprobs, seed) for seed in SEEDS]
    took = (time.perf_counter() - began) / len(SEEDS)
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
