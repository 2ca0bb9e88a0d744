"""A trainer's own metrics, kept as they would have been: one value a micro-batch, whatever it was cut into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

TOKENS = "num_tokens"  # a running total, not a mean


class Meters:
    """TRL's `_metrics["train"]`: lists that grow by one value a micro-batch, until they are logged and emptied."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._marked, self._tokens = self._lengths(), self._total

    def mark(self) -> None:
        """What is measured from here on may have to be taken back."""
        self._marked, self._tokens = self._lengths(), self._total

    def rewind(self) -> None:
        """Take back what was measured since `mark`."""
        for name, values in self._lists.items():
            del values[self._marked.get(name, 0) :]
        if self._tokens is not None:
            self._trainer._total_train_tokens = self._tokens

    @contextmanager
    def merging(self, shares: Sequence[float]) -> Iterator[None]:
        """Values measured inside, one a part, become one: their mean, weighted by the parts' shares."""
        before = self._lengths()
        yield
        for name, values in self._lists.items():
            start = before.get(name, 0)
            parts = values[start:]
            if name != TOKENS and len(parts) == len(shares):
                values[start:] = [sum(share * value for share, value in zip(shares, parts, strict=True))]

    def _lengths(self) -> dict[str, int]:
        return {name: len(values) for name, values in self._lists.items()}

    @property
    def _lists(self) -> dict[str, list[float]]:
        """Of TRL's trainers, stable and experimental; none of a trainer that keeps none."""
        kept = getattr(self._trainer, "_metrics", None) or getattr(self._trainer, "_stored_metrics", None) or {}
        return dict(kept.get("train", {}))

    @property
    def _total(self) -> Any:
        return getattr(self._trainer, "_total_train_tokens", None)
