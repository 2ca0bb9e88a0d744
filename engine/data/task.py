"""What a run works on: prompts and pairs to train on, and everything that is only ever measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.judges.base import Judge
from engine.models.tokens import Content
from engine.text import clean


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something to answer. `text` is what judges and people read: the last user turn of a conversation."""

    content: Content
    category: str = ""

    @property
    def text(self) -> str:
        return shown(self.content)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt. `gap` is by how much the judge, or the file's scores, prefer the chosen one."""

    prompt: Content
    chosen: str
    rejected: str
    category: str = ""
    gap: float | None = None
    source: str = ""

    def row(self) -> dict[str, Any]:
        """The pair as TRL takes it: standard, or conversational where the prompt is messages."""
        if isinstance(self.prompt, str):
            return {"prompt": self.prompt, "chosen": self.chosen, "rejected": self.rejected}
        chosen, rejected = ([{"role": "assistant", "content": text}] for text in (self.chosen, self.rejected))
        return {"prompt": self.prompt, "chosen": chosen, "rejected": rejected}

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Pair:
        return cls(**{name: raw[name] for name in cls.__slots__ if name in raw})


@dataclass(frozen=True, slots=True)
class Text:
    """A completion that nobody trains on, for perplexity given its prompt."""

    prompt: Content
    completion: str


@dataclass(frozen=True, slots=True)
class Question:
    """One probe item: answered in words (`choices` empty), or by which of the choices is likeliest."""

    prompt: Content
    answer: str
    choices: tuple[str, ...] = ()
    category: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A capability to keep, as questions with right answers. `right(answer, wanted)` judges an answer in words."""

    name: str
    questions: tuple[Question, ...]
    right: Callable[[str, str], bool] = field(default=lambda answer, wanted: answer == wanted)
    max_new_tokens: int = 8


@dataclass(frozen=True, slots=True)
class DataReport:
    """What became of a file's records: kept, and (line, problem) of each that was left out."""

    source: str
    kept: int
    bad: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """`train_*` may be learned from; no prompt of theirs is among the held-out ones."""

    name: str
    judge: Judge
    train_prompts: tuple[Prompt, ...]
    eval_prompts: tuple[Prompt, ...]
    train_pairs: tuple[Pair, ...] = ()
    held_out_pairs: tuple[Pair, ...] = ()
    held_out_text: tuple[Text, ...] = ()
    probes: tuple[Probe, ...] = ()
    report: DataReport | None = None


def shown(content: Content) -> str:
    """A prompt as text for judges and people, safe for a terminal."""
    if isinstance(content, str):
        return clean(content)
    users = [message["content"] for message in content if message["role"] == "user"]
    return clean(users[-1] if users else content[-1]["content"])
