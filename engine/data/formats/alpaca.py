"""Alpaca's instruction and input, dressed as its training text was for a model without a chat template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.data.formats.turns import BadRecordError, answer
from engine.records import Message, Pair

_HEAD = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request."
    "\n\n### Instruction:\n"
)
_INPUT, _TAIL = "\n\n### Input:\n", "\n\n### Response:\n"


def instruction_pair(record: Mapping[str, Any], chosen: Any, rejected: Any) -> Pair:
    """The pair of a record with `instruction` and perhaps `input`."""
    return Pair(prompt_of(record), answer(chosen, []), answer(rejected, []))


def prompt_of(record: Mapping[str, Any]) -> str:
    instruction, extra = record["instruction"], record.get("input") or ""
    if not isinstance(instruction, str) or not isinstance(extra, str) or not instruction.strip():
        raise BadRecordError("instruction is empty or not text")
    return f"{_HEAD}{instruction}{_INPUT + extra if extra.strip() else ''}{_TAIL}"


def undress(prompt: str) -> list[Message] | None:
    """The user's message in a prompt that wears Alpaca's dress, None for any other."""
    if not prompt.startswith(_HEAD):
        return None
    plain = prompt.removeprefix(_HEAD).removesuffix(_TAIL).replace(_INPUT, "\n\n")
    return [{"role": "user", "content": plain.strip()}]
