"""Messages as they are written in data: `role` and `content`, or ShareGPT's `from` and `value`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.records import Content, Message

ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bot", "model"), "assistant"),
    "system": "system",
}


class BadRecordError(ValueError):
    """A record that cannot become a pair; the message says why in a few words."""


def turns(raw: Any, name: str) -> list[Message]:
    """Messages with roles as chat templates know them. `name` is the field's, for the error."""
    if not isinstance(raw, list) or not raw:
        raise BadRecordError(f"{name} is not text, nor messages")
    return [_message(turn) for turn in raw]


def answer(side: Any, prompt: Content) -> str:
    """The one assistant's turn that a side adds to the prompt, as text; the side may begin with the prompt itself."""
    if isinstance(side, str):
        return side
    said = turns([side] if isinstance(side, Mapping) else side, "chosen or rejected")
    if prompt and said[: len(prompt)] == prompt:
        said = said[len(prompt) :]
    if len(said) != 1 or said[0]["role"] != "assistant":
        raise BadRecordError("chosen and rejected must each be one assistant's turn after the prompt")
    return said[0]["content"]


def to_answer(raw: Any, name: str) -> list[Message]:
    """A conversation that waits for the assistant. Raises BadRecordError where nobody has asked anything."""
    talk = turns(raw, name)
    if talk[-1]["role"] != "user":
        raise BadRecordError(f"{name} must end with the user's turn")
    return talk


def shared(mine: Sequence[Any], other: Sequence[Any]) -> int:
    """How many items two sequences begin with in common."""
    return next((i for i, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b), min(len(mine), len(other)))


def _message(turn: Any) -> Message:
    if not isinstance(turn, Mapping):
        raise BadRecordError("a message is not an object")
    role, text = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    if role not in ROLES or not isinstance(text, str):
        raise BadRecordError("a message needs a known role and text")
    return {"role": ROLES[role], "content": text}
