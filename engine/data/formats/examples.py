"""One record of a file to imitate, in any of the shapes that people have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.data.formats.alpaca import prompt_of
from engine.data.formats.record import parse_record
from engine.data.formats.turns import BadRecordError, answer, to_answer, turns
from engine.data.formats.unpaired import Unpaired
from engine.records import Content, Example

_TALKS = ("messages", "conversations", "conversation")
_ANSWERS = ("completion", "response", "output", "answer")


def parse_examples(record: Any) -> list[Example]:
    """From prompt and completion in text or messages, Alpaca's instruction and output, a whole conversation (an example
    for each of the assistant's turns in it), a preference pair (its chosen side), or KTO's marked answer (none where it
    is not wanted). Raises BadRecordError.
    """
    if not isinstance(record, Mapping):
        raise BadRecordError("not an object")
    category = record.get("category")
    kind = category if isinstance(category, str) else ""
    if "chosen" in record or "label" in record:
        return _preferred(record)
    talk = next((name for name in _TALKS if record.get(name)), None)
    if talk is not None and not any(name in record for name in _ANSWERS):
        return [Example(asked, said, kind, "file") for asked, said in _exchanges(record[talk], talk)]
    return [Example(*_asked_and_answered(record), kind, "file")]


def _preferred(record: Mapping[str, Any]) -> list[Example]:
    found = parse_record(record)
    if isinstance(found, Unpaired):
        return [Example(found.prompt, found.answer, found.category, "file")] if found.wanted else []
    return [Example.chosen(found, "file")]


def _exchanges(raw: Any, name: str) -> list[tuple[Content, str]]:
    """Each of the assistant's turns after a user's, with all that was said before it."""
    talk = turns(raw, name)
    answered = [i for i, turn in enumerate(talk) if i and turn["role"] == "assistant" and talk[i - 1]["role"] == "user"]
    if not answered:
        raise BadRecordError(f"{name} has no answer of the assistant's to a user")
    return [(talk[:i], talk[i]["content"]) for i in answered]


def _asked_and_answered(record: Mapping[str, Any]) -> tuple[Content, str]:
    name = next((name for name in _ANSWERS if name in record), None)
    if name is None:
        raise BadRecordError(f"no answer: neither {', '.join(_ANSWERS)} nor messages")
    if record.get("prompt") is None and "instruction" in record:
        return prompt_of(record), answer(record[name], [])
    prompt = record.get("prompt")
    if isinstance(prompt, str):
        if not prompt.strip():
            raise BadRecordError("prompt is empty")
        return prompt, answer(record[name], [])
    talk = to_answer(prompt, "prompt")
    return talk, answer(record[name], talk)
