"""The adaptive KL coefficient: more of it while the policy strays past its target, less while it stays short of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

BOUND = 0.5  # of the relative error that one update may answer to
SLIGHT = 0.02  # of the target: a smaller move of KL is none
IDLE = 0.05  # of the target: below it the policy has not begun to move


@dataclass
class KlController:
    """β ← β · (1 + gain · clip(KL / target - 1, ±½)) after Ziegler et al. (arXiv 1909.08593), from floor to ceiling.

    Anti-windup: KL begins at 0, and a controller that takes this for too much control gives β away (.10 → .009 in
    twelve updates) just before it is needed. So β does not fall while KL still rises, nor before it has begun to.
    """

    beta: float
    target: float
    gain: float = 0.5
    floor: float = 0.0
    ceiling: float = float("inf")
    adaptive: bool = True
    before: float = 0.0  # KL after the update before

    def update(self, kl: float) -> float:
        """Take in an update's KL, in the target's unit; the β of the next update."""
        rising = kl - self.before > SLIGHT * self.target
        self.before = kl
        error = max(-BOUND, min(BOUND, kl / self.target - 1))
        waiting = error < 0 and (rising or kl < IDLE * self.target)
        if self.adaptive and not waiting:
            self.beta = min(self.ceiling, max(self.floor, self.beta * (1 + self.gain * error)))
        return self.beta

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
