"""Token rewards into advantages. All tensors are (samples, tokens); a mask is 1 on a sample's tokens, 0 after them."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-8


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Over all real tokens alike; 0 without any."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def whiten(values: Tensor, mask: Tensor, *, shift: bool = True) -> Tensor:
    """Deviation 1, and mean 0 where `shift`, over all real tokens; 0 elsewhere."""
    mean = masked_mean(values, mask)
    scaled = (values - mean) * torch.rsqrt(masked_mean((values - mean) ** 2, mask) + EPSILON)
    return (scaled if shift else scaled + mean) * mask


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """(advantages, returns) by generalised advantage estimation (Schulman et al., arXiv 1506.02438).

    A sample ends with its last token, also one that was cut off: nothing is expected beyond it.
    """
    advantages = torch.zeros_like(rewards)
    ahead, value_ahead = torch.zeros_like(rewards[:, 0]), torch.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1] - 1, -1, -1):
        error = rewards[:, t] + gamma * value_ahead - values[:, t]
        ahead = (error + gamma * lam * ahead) * mask[:, t]
        value_ahead = values[:, t] * mask[:, t]
        advantages[:, t] = ahead
    return advantages, advantages + values * mask


def explained_variance(predicted: Tensor, returns: Tensor, mask: Tensor) -> float:
    """The share of the returns' variance that the value model saw coming: 1 is all, 0 or less is none."""
    real = mask > 0
    spread = returns[real].var()
    return float(1 - (returns - predicted)[real].var() / spread.clamp(min=EPSILON))
