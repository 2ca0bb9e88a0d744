"""What supervised fine-tuning imitates: the run's own examples first, then the best of what the policy said itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from engine.config.schema import DataConfig, RunConfig
from engine.data.collect.draw import draw
from engine.data.files import read_records
from engine.data.filters.duplicates import first_time, near_duplicates
from engine.data.filters.overlap import overlap_filter
from engine.data.filters.run import DUPLICATE, NEAR, OVERLAP
from engine.data.filters.text import is_degenerate, is_empty, is_garbled
from engine.data.formats import BadRecordError
from engine.data.formats.examples import parse_examples
from engine.data.recorded import spoken
from engine.data.sources import check_share
from engine.data.task import Task
from engine.data.weighing import weighted
from engine.models.resident import Resident
from engine.records import Example

MIX = "mix"
QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Imitated:
    """An iteration's examples with their weights, and how many each filter left out."""

    examples: tuple[Example, ...]
    dropped: Counter[str]

    @property
    def sources(self) -> Counter[str]:
        return Counter(example.source for example in self.examples)


def summary(examples: Sequence[Example]) -> dict[str, Any]:
    """What an iteration's manifest says of the examples that it imitated."""
    total = sum(example.weight for example in examples) or 1.0
    shares: dict[str, float] = {}
    for example in examples:
        shares[example.category] = shares.get(example.category, 0.0) + example.weight / total
    return {
        "examples": len(examples),
        "sources": Counter(example.source for example in examples),
        "born": Counter(str(example.born) for example in examples),
        "weights": {category: round(share, 6) for category, share in shares.items()},
    }


def load_demonstrations(path: str, data: DataConfig, resident: Resident) -> tuple[Example, ...]:
    """The examples in a file, as this model takes prompts. Raises DataError where too much of it is malformed."""
    found: list[Example] = []
    bad: list[tuple[int, str]] = []
    good = 0
    for line, record in read_records(Path(path).expanduser()):
        try:
            if isinstance(record, BadRecordError):
                raise record
            found += parse_examples(record)
            good += 1
        except BadRecordError as problem:
            bad.append((line, str(problem)))
    check_share(path, good, bad, data.bad_share)
    return tuple(_spoken(found, resident))


def imitate(
    task: Task,
    config: RunConfig,
    iteration: int,
    *,
    best: Sequence[Example] = (),
    earlier: Sequence[Example] = (),
    out: Collection[str] = (),
) -> Imitated:
    """The examples of one iteration, the same for the same seed and iteration.

    `best` is what the parent's filter kept of its own samples; where there is none, as in the first iteration, the
    run's demonstrations or the chosen sides of its pairs. `earlier` is what the parent imitated itself, which holds
    what its own parent did: a share is shown again. `out` are ids that an operator has quarantined.
    """
    sft, rng = config.sft, Random(f"sft:{config.training.seed}:{iteration}")
    dropped: Counter[str] = Counter()

    def passed(examples: Iterable[Example]) -> list[Example]:
        return _clean(examples, config.data, task.measured_prompts, out, dropped)

    fresh = passed(best) or passed(task.demonstrations or map(Example.chosen, task.train_pairs))
    fresh = draw(rng, fresh, min(sft.max_examples, len(fresh)))
    known = {example.id for example in fresh}
    before = [example for example in earlier if example.source != MIX and example.id not in known]
    again = draw(rng, passed(before), min(len(before), round(sft.replay * len(fresh))))
    exercises = [Example.chosen(pair, MIX) for pair in task.exercises]
    mixed = draw(rng, exercises, min(len(exercises), round(sft.mix * len(fresh))))
    born = [example if example.born is not None else replace(example, born=iteration) for example in fresh + mixed]
    return Imitated(tuple(weighted([*born, *again], config.data, iteration)), dropped)


def _clean(
    examples: Iterable[Example], data: DataConfig, measured: Sequence[str], out: Collection[str], dropped: Counter[str]
) -> list[Example]:
    """Those worth imitating, by the rules that pairs are filtered by; `dropped` counts the others."""
    apart = overlap_filter(measured, data.ngram)
    kept = []
    for example in examples:
        fault = next(_faults(example, data, out), "" if apart(example.as_pair()) else OVERLAP)
        if fault:
            dropped[fault] += 1
        else:
            kept.append(example)
    for name, keep in ((DUPLICATE, first_time), (NEAR, lambda pairs: near_duplicates(pairs, data.near_duplicate))):
        again = keep([example.as_pair() for example in kept])
        dropped[name] += len(again) - sum(again)
        kept = [example for example, once in zip(kept, again, strict=True) if once]
    return kept


def _faults(example: Example, data: DataConfig, out: Collection[str]) -> Iterator[str]:
    if example.id in out:
        yield QUARANTINED
    if is_empty(example.completion):
        yield "empty"
    if is_degenerate(example.completion):
        yield "degenerate"
    if is_garbled(example.completion, data.garbled):
        yield "bad encoding"


def _spoken(examples: Sequence[Example], resident: Resident) -> Iterator[Example]:
    pairs = spoken([example.as_pair() for example in examples], resident)
    for example, pair in zip(examples, pairs, strict=True):
        yield replace(example, prompt=pair.prompt, completion=pair.chosen)
