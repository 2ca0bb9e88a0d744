"""An example to imitate: what supervised fine-tuning learns from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from engine.records.pairs import Pair
from engine.records.words import Content


@dataclass(frozen=True, slots=True)
class Example:
    """One good answer to a prompt.

    `score` is what the reward model or a judge gave it, where one did. `source` says where it comes from ("file",
    "chosen", "demonstration", "best", "mix", …), `born` the iteration that first learned from it. `weight` and
    `quality` are as a pair's.
    """

    prompt: Content
    completion: str
    category: str = ""
    source: str = ""
    score: float | None = None
    weight: float = 1.0
    quality: float = 1.0
    born: int | None = None

    @property
    def id(self) -> str:
        """Twelve hex digits of the texts alone."""
        return hashlib.sha256(json.dumps([self.prompt, self.completion], ensure_ascii=False).encode()).hexdigest()[:12]

    def as_json(self) -> dict[str, Any]:
        """Every field, and the id, for tools that look an example up."""
        return {"id": self.id, **{f.name: getattr(self, f.name) for f in fields(self)}}

    def as_pair(self) -> Pair:
        """Where pairs are shown or filtered: one whose rejected side is empty."""
        return Pair(
            self.prompt,
            self.completion,
            "",
            self.category,
            source=self.source,
            weight=self.weight,
            quality=self.quality,
            born=self.born,
        )

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Example:
        return cls(**{f.name: raw[f.name] for f in fields(cls) if f.name in raw})

    @classmethod
    def chosen(cls, pair: Pair, source: str = "chosen") -> Example:
        """The better side of a pair."""
        score = pair.scores[0] if pair.scores else None
        return cls(pair.prompt, pair.chosen, pair.category, source, score, pair.weight, pair.quality)
