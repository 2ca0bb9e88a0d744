"""A look at the policy between updates by a judge that training never asks, which picks the stage's checkpoint.

A reward model is right about most of what the policy says at first, and about less the longer it is trained on: what
the judge thinks falls after its peak, also near the target KL. So the policy that is kept is the one of the best look.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import Tensor

from engine.data.task import Prompt
from engine.judges.base import Judge
from engine.models.generate import generate
from engine.models.resident import POLICY
from engine.models.slots import Slots
from engine.records import HELD_OUT_JUDGE, as_json
from engine.store.atomic import write_json

BEST, LOOK = "best", "look.json"


@dataclass(frozen=True, slots=True)
class Look:
    """After update `step`: the judge's mean score, and its score of each prompt's answer."""

    step: int
    score: float
    items: tuple[float, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Look:
        return cls(raw["step"], raw["score"], tuple(raw["items"]))


class Lookout:
    """Looks with the same prompts and seed each time. `best` and `last` are None before the first."""

    def __init__(
        self, slots: Slots, judge: Judge, prompts: Sequence[Prompt], *, max_new_tokens: int, batch_size: int, seed: int
    ) -> None:
        self._slots, self._judge, self._prompts = slots, judge, tuple(prompts)
        self._max_new_tokens, self._batch_size, self._seed = max_new_tokens, batch_size, seed
        self.best: Look | None = None
        self.last: Look | None = None
        self._weights: dict[str, Tensor] = {}

    def look(self, step: int) -> dict[str, float]:
        """Sample, ask the judge, keep the policy where it is the best so far. A tie goes to the earlier one."""
        with self._slots.use(POLICY):
            said = generate(
                self._slots.resident,
                [prompt.content for prompt in self._prompts],
                max_new_tokens=self._max_new_tokens,
                temperature=1.0,
                seed=self._seed,
                batch_size=self._batch_size,
            )
        texts = [(prompt.text, completion.text) for prompt, completion in zip(self._prompts, said, strict=True)]
        scores = self._judge.scores(texts)
        self.last = Look(step, fmean(scores), tuple(scores))
        if self.best is None or self.last.score > self.best.score:
            self.best, self._weights = self.last, self._slots.snapshot(POLICY)
        return {HELD_OUT_JUDGE: self.last.score}

    def choose(self) -> None:
        """Make the policy that of the best look; without any it stays as it is."""
        if self._weights:
            self._slots.restore(POLICY, self._weights)

    # -- in a checkpoint ------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        if self.best is not None:
            with self._slots.lent(POLICY, self._weights):
                self._slots.save(POLICY, folder / BEST)
            write_json(folder / BEST / LOOK, {"best": as_json(self.best), "last": as_json(self.last)})

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint's best look; from none where it had not looked yet."""
        path = folder / BEST / LOOK
        if not path.exists():
            return
        raw = json.loads(path.read_text("utf-8"))
        self.best, self.last = Look.parse(raw["best"]), Look.parse(raw["last"])
        own = self._slots.snapshot(POLICY)
        self._slots.load(POLICY, folder / BEST)
        self._weights = self._slots.snapshot(POLICY)
        self._slots.restore(POLICY, own)
