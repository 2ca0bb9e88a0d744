"""How far the policy has moved: exact KL on its own samples, over the whole vocabulary, at every token.

KL(policy ‖ other) at a position is the sum over the vocabulary of p·(log p - log q), given the sampled prefix. Averaged
over on-policy tokens it estimates the KL rate in nats per token without the noise of the sampled token itself (the
Rao-Blackwellised estimator of Amini, Vieira and Cotterell 2025); summed over a sequence, in nats per sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import torch

from engine.evaluation.forward import Advance, Batch, over, scored_logprobs
from engine.models.resident import Resident
from engine.models.tokens import TokenSequence

Switch = Callable[[], AbstractContextManager[None]]
"""Makes the resident model the other distribution inside its block."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """For each sequence: its tokens, its KL summed over them, and the policy's entropy likewise, in nats."""

    tokens: tuple[int, ...]
    kl: tuple[float, ...]
    entropy: tuple[float, ...]

    @property
    def per_token(self) -> float:
        """Nats per token, every token counting alike; NaN without tokens."""
        return sum(self.kl) / sum(self.tokens) if sum(self.tokens) else float("nan")

    @property
    def per_sequence(self) -> float:
        """Nats per sequence; NaN without sequences."""
        return sum(self.kl) / len(self.kl) if self.kl else float("nan")


def exact_kl(
    resident: Resident,
    sequences: Sequence[TokenSequence],
    other: Switch | None,
    batch_size: int,
    advance: Advance = lambda _: None,
) -> Divergence:
    """KL(policy ‖ other) on sequences that the policy sampled; `other` is `resident.baseline`, or a parent's switch.

    None says that the policy is the other itself: its KL is 0 and only its entropy is measured, in half the time.
    """
    tokens, kl, entropy = [0] * len(sequences), [0.0] * len(sequences), [0.0] * len(sequences)
    with resident.measuring():
        for batch, (kl_at, entropy_at) in over(resident, sequences, batch_size, partial(compare, resident, other)):
            pieces = zip(batch.where, batch.split(kl_at), batch.split(entropy_at), strict=True)
            for i, kls, entropies in pieces:
                tokens[i] = len(kls)
                # Rounding can leave a KL of -1e-8 where the two are equal.
                kl[i] = float(kls.double().sum().clamp(min=0))
                entropy[i] = float(entropies.double().sum())
            advance(len(batch.where))
    return Divergence(tuple(tokens), tuple(kl), tuple(entropy))


def compare(resident: Resident, other: Switch | None, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """KL and entropy at each scored position: (scored,) twice. What is as wide as the vocabulary is gone after it."""
    mine = scored_logprobs(resident, batch)
    theirs = mine if other is None else _under(other, resident, batch)
    return _kl(mine, theirs), _entropy(mine)


def _under(other: Switch, resident: Resident, batch: Batch) -> torch.Tensor:
    with other():
        return scored_logprobs(resident, batch)


def _kl(mine: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    return (mine.exp() * (mine - theirs)).sum(-1)


def _entropy(mine: torch.Tensor) -> torch.Tensor:
    return -(mine.exp() * mine).sum(-1)
