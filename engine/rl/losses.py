"""PPO's two clipped losses (Schulman et al., arXiv 1707.06347), as sums over tokens divided by `tokens`.

Divided by the tokens of the whole minibatch, the losses of its micro-batches add up to the minibatch's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """`approx_kl` is k3's estimate of KL(sampling policy ‖ policy) in nats per token, `clipped` the share of tokens
    whose ratio left the clip range, `ratio` the mean ratio; each is this micro-batch's part of the minibatch's.
    """

    loss: Tensor
    approx_kl: float
    clipped: float
    ratio: float


@dataclass(frozen=True, slots=True)
class ValueLoss:
    loss: Tensor
    clipped: float


def policy_loss(new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor, clip: float, tokens: float) -> PolicyLoss:
    """The worse of the plain and the clipped surrogate, token by token. `new` and `old` are log-probabilities."""
    change = (new - old) * mask
    ratio = change.exp()
    worse = torch.max(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip))
    with torch.no_grad():
        approx_kl = ((ratio - 1 - change) * mask).sum() / tokens
        clipped = (((ratio - 1).abs() > clip) * mask).sum() / tokens
        mean_ratio = (ratio * mask).sum() / tokens
    return PolicyLoss((worse * mask).sum() / tokens, float(approx_kl), float(clipped), float(mean_ratio))


def value_loss(new: Tensor, old: Tensor, returns: Tensor, mask: Tensor, clip: float, tokens: float) -> ValueLoss:
    """Half the squared error, the worse of the plain and of one whose estimate moved at most `clip` from the old."""
    plain = (new - returns) ** 2
    held = (old + (new - old).clamp(-clip, clip) - returns) ** 2
    clipped = ((held > plain) * mask).sum() / tokens
    return ValueLoss(0.5 * (torch.max(plain, held) * mask).sum() / tokens, float(clipped.detach()))
