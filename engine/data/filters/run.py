"""All filters over an iteration's pairs. Each says how many it faults, whatever the others say of the same pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.config.schema import DataConfig
from engine.data.filters.duplicates import first_time, near_duplicates
from engine.data.filters.length import length_filter
from engine.data.filters.overlap import overlap_filter
from engine.data.filters.text import has_two_sides, is_degenerate, is_empty, is_garbled
from engine.data.task import Pair

OVERLAP, DUPLICATE, NEAR = "evaluation overlap", "duplicate", "near duplicate"
RECORDED = frozenset({"", "file", "mix"})  # sources whose gap, where there is one, is not this run's judge's

Keep = Callable[[Pair], bool]


@dataclass(frozen=True, slots=True)
class FilterReport:
    """`out` are the pairs left out, each with the first filter that faulted it.

    `dropped` counts `out` by filter, `found` all that a filter faulted, whether or not another had faulted it before.
    Both name every filter, those that faulted nothing too.
    """

    kept: tuple[Pair, ...]
    out: tuple[tuple[Pair, str], ...]
    dropped: Mapping[str, int]
    found: Mapping[str, int]

    @property
    def clean_share(self) -> float | None:
        """The share of all pairs that have nothing of the evaluation in them; None of no pairs."""
        total = len(self.kept) + len(self.out)
        return 1 - self.found[OVERLAP] / total if total else None


def run_filters(
    pairs: Sequence[Pair], data: DataConfig, measured: Sequence[str], others: Mapping[str, Keep] | None = None
) -> FilterReport:
    """The pairs that pass every filter, in order. `measured` are the prompts that evaluation asks.

    `others` run first: what an operator said, a noise check, … Duplicates are looked for among what the rest lets
    through, so that nothing is dropped as the copy of a pair that is dropped itself.
    """
    filters: dict[str, Keep] = {**(others or {}), **_filters(pairs, data, measured)}
    faults = [[name for name, keep in filters.items() if not keep(pair)] for pair in pairs]
    found = {name: sum(name in said for said in faults) for name in filters}
    passed = [pair for pair, said in zip(pairs, faults, strict=True) if not said]
    kept, out = list(passed), [(pair, said[0]) for pair, said in zip(pairs, faults, strict=True) if said]
    for name, keep in _repeats(data):
        kept, again = _split(keep(kept), kept)
        out += [(pair, name) for pair in again]
        found[name] = len(again)
    dropped = {name: sum(name == reason for _, reason in out) for name in found}
    return FilterReport(tuple(kept), tuple(out), dropped, found)


def _filters(pairs: Sequence[Pair], data: DataConfig, measured: Sequence[str]) -> dict[str, Keep]:
    return {
        OVERLAP: overlap_filter(measured, data.ngram),
        "bad encoding": lambda pair: not any(is_garbled(side, data.garbled) for side in (pair.chosen, pair.rejected)),
        "equal sides": has_two_sides,
        "empty": lambda pair: not (is_empty(pair.chosen) or is_empty(pair.rejected)),
        "degenerate": lambda pair: not is_degenerate(pair.chosen),  # a degenerate rejected side is a lesson
        "small gap": lambda pair: _is_clear(pair, data.min_gap),
        "length outlier": length_filter(pairs),
    }


def _repeats(data: DataConfig) -> Iterable[tuple[str, Callable[[Sequence[Pair]], list[bool]]]]:
    yield DUPLICATE, first_time
    yield NEAR, lambda pairs: near_duplicates(pairs, data.near_duplicate)


def _split(keep: Sequence[bool], pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    marked = list(zip(keep, pairs, strict=True))
    return [pair for good, pair in marked if good], [pair for good, pair in marked if not good]


def _is_clear(pair: Pair, min_gap: float) -> bool:
    """A judged pair needs the judge's `min_gap`; a recorded one only must not be a tie by its own scores."""
    if pair.gap is None:
        return True
    return pair.gap > 0 if pair.source in RECORDED else pair.gap >= min_gap
