"""A preference pair, and what an operator said of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from engine.records.words import Content

Choice = Literal["1", "2", "tie", "skip", "bad", "undo"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt.

    `gap` is by how much the judge, or the file's scores, prefer the chosen one; `scores` are both sides' own, (chosen,
    rejected), where a judge gave them. `source` says where the pair comes from ("file", "on policy", "critique",
    "operator", …), `author` who labelled it, `born` the iteration that it was first collected for. `weight` is its
    share in training, 1 unless a rule or an operator says otherwise. `quality` is its base weight, which never changes.
    """

    prompt: Content
    chosen: str
    rejected: str
    category: str = ""
    gap: float | None = None
    source: str = ""
    weight: float = 1.0
    quality: float = 1.0
    scores: tuple[float, float] | None = None
    author: str = ""
    born: int | None = None

    @property
    def id(self) -> str:
        """Twelve hex digits of the texts alone, the same whichever side is preferred: how people and files name it."""
        sides = sorted((self.chosen, self.rejected))
        return hashlib.sha256(json.dumps([self.prompt, *sides], ensure_ascii=False).encode()).hexdigest()[:12]

    def row(self) -> dict[str, Any]:
        """The pair as TRL takes it: standard, or conversational where the prompt is messages."""
        if isinstance(self.prompt, str):
            return {"prompt": self.prompt, "chosen": self.chosen, "rejected": self.rejected}
        chosen, rejected = ([{"role": "assistant", "content": text}] for text in (self.chosen, self.rejected))
        return {"prompt": self.prompt, "chosen": chosen, "rejected": rejected}

    def as_json(self) -> dict[str, Any]:
        """Every field, and the id, for tools that look a pair up."""
        return {"id": self.id, **{f.name: getattr(self, f.name) for f in fields(self)}}

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Pair:
        known = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
        if known.get("scores") is not None:
            known["scores"] = tuple(known["scores"])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Label:
    """An operator's word on one pair. `choice` 1 prefers the side that was shown first; `first` says which that was."""

    pair: str
    choice: Choice
    first: Literal["chosen", "rejected"]
    who: str
    t: float
    iteration: int

    @property
    def agrees(self) -> bool | None:
        """Whether the operator prefers the side that the judge chose; None for a tie, a skip or a bad pair."""
        if self.choice not in ("1", "2"):
            return None
        return (self.choice == "1") == (self.first == "chosen")
