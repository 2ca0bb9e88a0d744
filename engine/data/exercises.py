"""Capability exercises from a file of pairs: right answers against wrong ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from engine.config.schema import DataConfig
from engine.data.filters.overlap import overlap_filter
from engine.data.recorded import has_winner, spoken
from engine.data.sources import collect_pairs, read_records
from engine.data.task import Pair
from engine.errors import DataError
from engine.models.resident import Resident


def load_exercises(data: DataConfig, resident: Resident, measured: Collection[str]) -> tuple[Pair, ...]:
    """The pairs in `data.mix_path` that no evaluation asks about; none where it names nothing. Raises DataError."""
    if not data.mix_path:
        return ()
    pairs, _ = collect_pairs(read_records(Path(data.mix_path).expanduser()), data.mix_path, data.bad_share)
    apart = overlap_filter(list(measured), data.ngram)
    kept = [pair for pair in spoken(pairs, resident) if has_winner(pair) and apart(pair)]
    if not kept:
        raise DataError(
            f"data.mix_path = {data.mix_path}: every pair is a tie, or its prompt is one that evaluation asks",
            remedy="exercises have to be other questions than those that are measured",
        )
    return tuple(replace(pair, source="mix", gap=None, scores=None) for pair in kept)
