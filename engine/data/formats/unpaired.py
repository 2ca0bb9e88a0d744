"""KTO's unpaired answers, each marked good or bad (Ethayarajh et al., arXiv 2402.01306), put together into pairs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.data.formats.alpaca import prompt_of
from engine.data.formats.turns import BadRecordError, answer, to_answer, turns
from engine.records import Content, Pair

_LABELS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Unpaired:
    """One answer and whether it is wanted."""

    prompt: Content
    answer: str
    wanted: bool
    category: str = ""


def unpaired(record: Mapping[str, Any]) -> Unpaired:
    """From `prompt` (or `instruction`) and `completion`, or from `messages` that end with the answer; and `label`."""
    prompt, said = _prompt_and_answer(record)
    category = record.get("category")
    return Unpaired(prompt, said, _label(record["label"]), category if isinstance(category, str) else "")


def pair_up(answers: Iterable[Unpaired]) -> tuple[list[Pair], int]:
    """(pairs, how many answers were left over): to each prompt, its first good with its first bad answer, and so on."""
    sides: dict[str, tuple[list[Unpaired], list[Unpaired]]] = {}
    for item in answers:
        good, bad = sides.setdefault(json.dumps(item.prompt), ([], []))
        (good if item.wanted else bad).append(item)
    pairs = [
        Pair(one.prompt, one.answer, other.answer, one.category or other.category, source="file")
        for good, bad in sides.values()
        for one, other in zip(good, bad, strict=False)
    ]
    return pairs, sum(len(good) + len(bad) for good, bad in sides.values()) - 2 * len(pairs)


def _prompt_and_answer(record: Mapping[str, Any]) -> tuple[Content, str]:
    if "messages" in record or "conversations" in record:
        name = "messages" if "messages" in record else "conversations"
        talk = turns(record[name], name)
        if len(talk) < 2 or talk[-1]["role"] != "assistant":
            raise BadRecordError(f"{name} must end with the assistant's answer")
        return to_answer(talk[:-1], name), talk[-1]["content"]
    if "completion" not in record:
        raise BadRecordError("a label, but neither completion nor messages")
    if "prompt" not in record and "instruction" in record:
        return prompt_of(record), answer(record["completion"], [])
    prompt = record.get("prompt")
    if isinstance(prompt, str) and prompt.strip():
        return prompt, answer(record["completion"], [])
    talk = to_answer(prompt, "prompt")
    return talk, answer(record["completion"], talk)


def _label(raw: Any) -> bool:
    label = raw if isinstance(raw, bool) else _LABELS.get(str(raw).strip().casefold())
    if label is None:
        raise BadRecordError("label must be true or false")
    return label
