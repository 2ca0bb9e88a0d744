"""Batch and accumulation that fit in memory, for the next iteration, from how this one's training had to be cut.

The engine survives a batch that does not fit by doing it in parts, each time anew. A smaller batch with more
accumulation is the same training for a loss that is a mean over pairs: the same effective batch, and nothing fails.
"""

from __future__ import annotations

from engine.records import Change, Settings, Split


def fitting(settings: Settings, split: Split | None) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """(changes, notes): the largest part of the batch that fitted, accumulated to the same effective batch."""
    batch, accumulation = settings.get("batch_size"), settings.get("accumulation")
    if split is None or not isinstance(batch, int) or not isinstance(accumulation, int):
        return (), ()
    if not split.divisible:
        return (), (f"{_cut(split)}; batch_size stays, since this loss looks at the whole of its batch",)
    fits = max(size for size in range(1, batch + 1) if batch % size == 0 and size <= max(1, split.least))
    notes = () if split.least else ("memory: not even one pair fitted at once; a lower max_length would help",)
    if fits == batch:
        return (), notes
    effective = batch * accumulation
    why = f"{_cut(split)}; the effective batch stays {effective}"
    after = effective // fits
    return (Change("batch_size", batch, fits, why), Change("accumulation", accumulation, after, why)), notes


def _cut(split: Split) -> str:
    """In words: what happened to the batches."""
    times = "once" if split.steps == 1 else f"{split.steps} times"
    largest = f"{split.least} pair{'s' * (split.least > 1)} at once" if split.least else "less than a pair at once"
    return f"memory ran out {times} in training, {largest} fitted"
