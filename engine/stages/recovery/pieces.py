"""A model's forward some rows at a time, so that a loss still sees the whole batch and yet its activations never exist.

Each piece runs without gradients and leaves what the loss needs: a number or a few a token. In the backward it runs
once more, with gradients, and goes at once. So it is exact for any loss, and costs one more forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

SUMMED = "loss"
"""The one field of an output that is of the whole batch: a mean over the tokens that have a label."""


@contextmanager
def in_pieces(model: Any, rows: int) -> Iterator[None]:
    """Inside, `model(...)` runs `rows` rows at a time, with its backward or without (a reference, a KL term)."""
    own, whole = model.__dict__.get("forward"), model.forward
    model.forward = Pieces(whole, rows)
    try:
        yield
    finally:
        if own is None:
            del model.forward
        else:
            model.forward = own


class Pieces:
    """`forward` in pieces of `rows` rows. Its output must have a row for each row: (rows, …)."""

    def __init__(self, forward: Callable[..., Any], rows: int) -> None:
        self._forward, self._rows = forward, rows

    def __call__(self, input_ids: torch.Tensor, **inputs: Any) -> Any:
        inputs = {"input_ids": input_ids, **inputs}
        total, width = input_ids.shape
        parts = [_Piece(self._forward, _rows_of(inputs, i, i + self._rows)) for i in range(0, total, self._rows)]
        found = [part.run() for part in parts]
        fields = {name: torch.cat([_wide(each[name], width) for each in found]) for name in found[0]}
        if SUMMED in parts[0].names:
            fields[SUMMED] = _mean(fields, inputs.get("num_items_in_batch"))
        return parts[0].kind(**fields)


class _Piece:
    """One piece: its output's fields, and what kind of output they belong in."""

    def __init__(self, forward: Callable[..., Any], inputs: dict[str, Any]) -> None:
        self._forward, self._inputs = forward, inputs
        self.kind: Any = dict
        self.names: set[str] = set()

    def run(self) -> dict[str, torch.Tensor]:
        """The fields that have a row for each row. With gradients wanted, they are computed again in the backward."""
        if not torch.is_grad_enabled():
            return self._fields()
        fields: list[str] = []

        def values(_: torch.Tensor) -> tuple[torch.Tensor, ...]:
            found = self._fields()
            fields[:] = found
            return tuple(found.values())

        # A reentrant checkpoint wants something that asks for gradients: what does is the model itself, unseen by it.
        anchor = torch.empty(0, device=self._inputs["input_ids"].device, requires_grad=True)
        return dict(zip(fields, checkpoint(values, anchor, use_reentrant=True), strict=True))

    def _fields(self) -> dict[str, torch.Tensor]:
        output = self._forward(**self._inputs)
        self.kind, self.names = type(output), {name for name, value in output.items() if torch.is_tensor(value)}
        rows = len(self._inputs["input_ids"])
        return {name: output[name] for name in output if name in self.names and _has_rows(output[name], rows)}


def _has_rows(value: torch.Tensor, rows: int) -> bool:
    return value.dim() > 0 and value.shape[0] == rows


def _rows_of(inputs: dict[str, Any], start: int, end: int) -> dict[str, Any]:
    """Rows `start` to `end` of everything that has rows, without columns that are padding in all of them."""
    rows, width = inputs["input_ids"].shape
    part = {
        name: value[start:end] if torch.is_tensor(value) and _has_rows(value, rows) else value
        for name, value in inputs.items()
    }
    return trimmed(part, width) if inputs.get("labels") is not None else part


def trimmed(part: dict[str, Any], width: int) -> dict[str, Any]:
    """`part` of a right-padded batch of `width` tokens without the columns that no row of it uses."""
    if not bool(part["attention_mask"][:, 0].all()):  # padded on the left: the columns are not ours to drop
        return part
    used = int(part["attention_mask"].sum(1).max())
    return {
        name: value[:, :used] if torch.is_tensor(value) and value.dim() > 1 and value.shape[1] == width else value
        for name, value in part.items()
    }


def _wide(value: torch.Tensor, width: int) -> torch.Tensor:
    """(rows, tokens - 1) as wide as the whole batch's, zeros behind: what padding's columns hold anyway."""
    if value.dim() != 2 or value.shape[1] >= width - 1:
        return value
    return torch.nn.functional.pad(value, (0, width - 1 - value.shape[1]))


def _mean(fields: dict[str, torch.Tensor], items: Any) -> torch.Tensor:
    """TRL's loss of an output with `log_probs`: their negative sum, over the tokens that have a label."""
    labelled = fields["label_mask"].sum().clamp(min=1)
    return -fields["log_probs"].sum() / (labelled if items is None else items)
