"""Pure forward passes over known sequences, in micro-batches that bound the memory of the logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import TypeVar

import torch

from engine.models.resident import Resident
from engine.models.tokens import TokenSequence, pad

LOGITS = 2**27  # most logits held at once by one forward: 512 MiB in float32

R = TypeVar("R")

Advance = Callable[[int], None]
"""Called with how many sequences were just done; may raise to abort."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded sequences. `scored` (rows, width - 1) marks the positions whose next token is a completion's;
    `first` is the first such position of any row.
    """

    where: tuple[int, ...]
    ids: torch.Tensor
    mask: torch.Tensor
    scored: torch.Tensor
    first: int

    @property
    def targets(self) -> torch.Tensor:
        """The completions' tokens, in a row: (scored,)."""
        return self.ids[:, 1:][self.scored]

    def split(self, values: torch.Tensor) -> list[torch.Tensor]:
        """Values at the scored positions (scored, …) as one piece a sequence."""
        return list(torch.split(values, self.scored.sum(1).tolist()))


def over(
    resident: Resident, sequences: Sequence[TokenSequence], size: int, work: Callable[[Batch], R]
) -> Iterator[tuple[Batch, R]]:
    """`work` on batches of at most `size` sequences of like length, shortest first; on fewer where they do not fit."""

    def run(part: Sequence[int]) -> tuple[Batch, R]:
        batch = batch_of(resident, sequences, part)
        return batch, work(batch)

    def tokens(part: Sequence[int]) -> int:
        return len(part) * max(len(sequences[i]) for i in part)

    for where in groups(resident, sequences, size):
        for _, done in resident.room.in_parts("evaluation", where, run, tokens):
            yield done


def groups(resident: Resident, sequences: Sequence[TokenSequence], size: int) -> Iterator[list[int]]:
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    vocabulary = resident.model.get_input_embeddings().num_embeddings
    while order:
        # Sequences grow along the order, so the batch is shrunk until its last and longest one fits.
        take = min(size, len(order))
        while take > 1 and take * len(sequences[order[take - 1]]) * vocabulary > LOGITS:
            take -= 1
        yield order[:take]
        order = order[take:]


def scored_logprobs(resident: Resident, batch: Batch) -> torch.Tensor:
    """Log-probabilities over the vocabulary at the scored positions: (scored, vocabulary), float32."""
    inputs = {"input_ids": batch.ids, "attention_mask": batch.mask, "use_cache": False}
    if "logits_to_keep" in signature(type(resident.model.get_base_model()).forward).parameters:
        # The vocabulary is a fifth of a small model's work, and prompts need none of it.
        where = torch.arange(batch.first, batch.scored.shape[1], device=batch.ids.device)
        logits = resident.model(**inputs, logits_to_keep=where).logits
    else:
        logits = resident.model(**inputs).logits[:, batch.first : -1]
    return torch.log_softmax(logits[batch.scored[:, batch.first :]].float(), dim=-1)


def completion_logprobs(
    resident: Resident, sequences: Sequence[TokenSequence], size: int, advance: Advance = lambda _: None
) -> list[float]:
    """The log-probability of each completion given its prompt, in nats, summed over its tokens."""
    sums = [0.0] * len(sequences)
    with resident.measuring():
        for batch, found in over(resident, sequences, size, partial(chosen, resident)):
            for i, piece in zip(batch.where, batch.split(found), strict=True):
                sums[i] = float(piece.double().sum())
            advance(len(batch.where))
    return sums


def chosen(resident: Resident, batch: Batch) -> torch.Tensor:
    """The log-probability of each token of the completions: (scored,)."""
    return scored_logprobs(resident, batch).gather(-1, batch.targets[:, None])[:, 0]


def batch_of(resident: Resident, sequences: Sequence[TokenSequence], where: Sequence[int]) -> Batch:
    rows = [_fit(resident, sequences[i]) for i in where]
    ids, mask = pad([(*row.prompt, *row.completion) for row in rows], _fill(resident), "right", resident.device)
    scored = torch.zeros_like(mask, dtype=torch.bool)
    starts = [max(1, len(row.prompt)) for row in rows]
    for i, row in enumerate(rows):
        scored[i, starts[i] : len(row)] = True
    return Batch(tuple(where), ids, mask, scored[:, 1:], min(starts) - 1)


def _fit(resident: Resident, sequence: TokenSequence) -> TokenSequence:
    """The newest tokens of a prompt that is too long for the model's window, with the completion's first."""
    window = resident.window
    if window is None or len(sequence) <= window:
        return sequence
    completion = sequence.completion[: window - 1]
    return TokenSequence(sequence.prompt[-(window - len(completion)) :], completion)


def _fill(resident: Resident) -> int:
    return int(resident.tokenizer.pad_token_id)
