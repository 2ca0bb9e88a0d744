"""PPO's optimizer: AdamW, or bitsandbytes' AdamW whose two moments are kept in eight bits a number."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch

from engine.errors import ModelError

BETAS = (0.9, 0.95)
"""A shorter memory than AdamW's own: what is rewarded changes with the policy."""


def make_optimizer(name: str, groups: Sequence[dict[str, Any]], weight_decay: float) -> torch.optim.Optimizer:
    """`name` is `training.optimizer`. Raises ModelError where bitsandbytes or a card is wanted and missing."""
    if name == "adamw":
        return torch.optim.AdamW(groups, betas=BETAS, weight_decay=weight_decay)
    if find_spec("bitsandbytes") is None:
        raise ModelError(f"training.optimizer = {name} needs the package bitsandbytes", remedy="set it to adamw")
    if name == "paged_adamw_8bit" and not torch.cuda.is_available():
        raise ModelError(f"training.optimizer = {name} needs a CUDA card", remedy="set it to adamw_8bit or adamw")
    from bitsandbytes import optim

    kind = optim.AdamW8bit if name == "adamw_8bit" else optim.PagedAdamW8bit
    made: torch.optim.Optimizer = kind(groups, betas=BETAS, weight_decay=weight_decay)
    return made
