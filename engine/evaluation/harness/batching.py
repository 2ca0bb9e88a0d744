"""Requests in batches that a budget of tokens bounds: the same ones whatever was answered before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.evaluation.forward import LOGITS


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence to run, for the requests `where`. Its logits matter from position `start` on, of `length`."""

    where: tuple[int, ...]
    length: int
    start: int


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds of one batch: tokens with padding, and logits that are held at once."""

    tokens: int
    vocabulary: int

    def holds(self, rows: int, width: int, kept: int) -> bool:
        return rows * width <= self.tokens and rows * kept * self.vocabulary <= LOGITS


def batched(rows: Sequence[Row], budget: Budget) -> Iterator[list[Row]]:
    """Longest first, so that a batch too large for memory is met at once. A row too long for the budget goes alone."""
    batch: list[Row] = []
    first = 0
    for row in sorted(rows, key=lambda row: (-row.length, row.where)):
        width = batch[0].length if batch else row.length
        start = min(first, row.start) if batch else row.start
        if batch and not budget.holds(len(batch) + 1, width, width - start):
            yield batch
            batch, start = [], row.start
        batch.append(row)
        first = start
    if batch:
        yield batch
