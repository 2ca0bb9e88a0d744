"""What an iteration leaves behind besides weights: its evaluation, side-by-side samples and pairs, as checked files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import CorruptError
from engine.records import Answer, Metric, Pair, Sample, as_json
from engine.store.atomic import verify, verify_file, write_json, write_text
from engine.store.paths import RunPaths
from engine.text import clean

EVALUATION = "evaluation.json"
SAMPLES = "samples.jsonl"
ANSWERS = "answers.jsonl"
DROPPED = "dropped.jsonl"
PAIRS = "pairs.jsonl"
EXAMPLES = "sft.jsonl"
BEST = "best.jsonl"
"""Of the rlhf recipe: what was imitated, and the policy's own samples that the next iteration imitates."""

T = TypeVar("T")


def save_evaluation(directory: Path, metrics: Mapping[str, Metric], samples: Iterable[Sample]) -> None:
    """`evaluation.json` (metrics with their items) and `samples.jsonl` in an iteration that is being made."""
    write_json(directory / EVALUATION, {"metrics": {name: as_json(metric) for name, metric in metrics.items()}})
    write_lines(directory / SAMPLES, samples)


def write_lines(path: Path, records: Iterable[Any]) -> None:
    """One record a line, as JSON with its strings cleaned for terminals."""
    lines = (json.dumps(cleaned(as_json(record)), ensure_ascii=False) for record in records)
    write_text(path, "".join(f"{line}\n" for line in lines))


def load_metrics(paths: RunPaths, index: int) -> dict[str, Metric]:
    """A finished iteration's metrics with their per-item results. Raises CorruptError naming the file."""
    path = verify_file(paths.iteration(index), EVALUATION)
    raw = _parsed(path, lambda: json.loads(path.read_text(encoding="utf-8"))["metrics"])
    return _parsed(path, lambda: {name: Metric.parse(metric) for name, metric in cleaned(raw).items()})


def load_samples(paths: RunPaths, index: int, limit: int = 1000) -> tuple[Sample, ...]:
    """A finished iteration's samples, in the evaluation's order. Raises CorruptError naming the file."""
    path = verify_file(paths.iteration(index), SAMPLES)
    return _parsed(path, lambda: tuple(Sample.parse(cleaned(raw)) for raw in _lines(path, limit)))


def load_answers(paths: RunPaths, index: int, metric: str, limit: int = 100_000) -> dict[int, Answer]:
    """What a finished iteration said to each item of a metric, by item; empty where that was not kept.

    Raises CorruptError naming the file.
    """
    if not (paths.iteration(index) / ANSWERS).exists():  # an iteration of an earlier version
        return {}
    path = verify_file(paths.iteration(index), ANSWERS)
    answers = _parsed(path, lambda: [Answer.parse(cleaned(raw)) for raw in _lines(path, limit)])
    return {answer.item: answer for answer in answers if answer.metric == metric}


def load_pairs(paths: RunPaths, index: int, limit: int = 100_000) -> tuple[Pair, ...]:
    """The pairs that a finished iteration was trained on. Raises CorruptError naming the file."""
    path = verify_file(paths.iteration(index), PAIRS)
    return _parsed(path, lambda: tuple(Pair.parse(cleaned(raw)) for raw in _lines(path, limit)))


def checked_adapter(paths: RunPaths, index: int) -> Path:
    """The directory of a finished iteration's adapter, every file of the iteration checked. Raises CorruptError."""
    verify(paths.iteration(index))
    return paths.iteration(index) / "adapter"


def cleaned(value: Any) -> Any:
    """Parsed JSON with its strings, keys too, made safe for a terminal."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): cleaned(item) for key, item in value.items()}
    return value


def _lines(path: Path, limit: int) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        for line in islice(file, limit):
            yield json.loads(line)


def _parsed(path: Path, parse: Callable[[], T]) -> T:
    try:
        return parse()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptError(f"{path} does not hold what it should: {error}"[:300]) from error
