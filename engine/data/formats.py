"""One record of a preference file, in any of the shapes that people have, into a Pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.data.task import Pair
from engine.models.tokens import Content, Message

_ALPACA = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request."
    "\n\n### Instruction:\n{instruction}{input}\n\n### Response:\n"
)
_ROLES = {"human": "user", "gpt": "assistant", "user": "user", "assistant": "assistant", "system": "system"}


class BadRecordError(ValueError):
    """A record that cannot become a pair; the message says why in a few words."""


def parse_record(record: Any) -> Pair:
    """A Pair from TRL's standard or conversational format (prompt explicit or implicit), from Alpaca's
    instruction/input, or from LLaMA-Factory's conversations. Raises BadRecordError.
    """
    if not isinstance(record, Mapping):
        raise BadRecordError("not an object")
    chosen, rejected = _side(record, "chosen"), _side(record, "rejected")
    if "conversations" in record:
        pair = _from_turns(_turns(record["conversations"], "conversations"), chosen, rejected)
    elif "prompt" in record:
        pair = _from_prompt(record["prompt"], chosen, rejected)
    elif "instruction" in record:
        pair = _from_instruction(record, chosen, rejected)
    else:
        pair = _from_shared_beginning(chosen, rejected)
    if not pair.chosen.strip() or not pair.rejected.strip():
        raise BadRecordError("chosen or rejected is empty")
    if pair.chosen.strip() == pair.rejected.strip():
        raise BadRecordError("chosen and rejected are equal")
    category = record.get("category")
    return Pair(
        pair.prompt,
        pair.chosen,
        pair.rejected,
        category if isinstance(category, str) else "",
        _gap(record),
        "file",
    )


def chat_pair(pair: Pair, special_tokens: Sequence[str]) -> Pair:
    """The pair with a plain prompt as a user's message, for a model that speaks through a chat template.

    An instruction loses its Alpaca dress. A prompt that holds the model's own special tokens is dressed already.
    """
    if not isinstance(pair.prompt, str) or any(token in pair.prompt for token in special_tokens):
        return pair
    head, dressed, rest = pair.prompt.partition("### Instruction:\n")
    if dressed and head == _ALPACA.partition("### Instruction:\n")[0]:
        plain = rest.removesuffix("\n\n### Response:\n").replace("\n\n### Input:\n", "\n\n")
    else:
        plain = pair.prompt
    message = {"role": "user", "content": plain.strip()}
    return Pair([message], pair.chosen.strip(), pair.rejected.strip(), pair.category, pair.gap, pair.source)


def _from_prompt(prompt: Any, chosen: Any, rejected: Any) -> Pair:
    if isinstance(prompt, str):
        if not prompt.strip():
            raise BadRecordError("prompt is empty")
        return Pair(prompt, _answer(chosen, []), _answer(rejected, []))
    turns = _turns(prompt, "prompt")
    return Pair(turns, _answer(chosen, turns), _answer(rejected, turns))


def _from_turns(turns: list[Message], chosen: Any, rejected: Any) -> Pair:
    return Pair(turns, _answer(chosen, turns), _answer(rejected, turns))


def _from_instruction(record: Mapping[str, Any], chosen: Any, rejected: Any) -> Pair:
    instruction, extra = record["instruction"], record.get("input") or ""
    if not isinstance(instruction, str) or not isinstance(extra, str) or not instruction.strip():
        raise BadRecordError("instruction is empty or not text")
    prompt = _ALPACA.format(instruction=instruction, input=f"\n\n### Input:\n{extra}" if extra.strip() else "")
    return Pair(prompt, _answer(chosen, []), _answer(rejected, []))


def _from_shared_beginning(chosen: Any, rejected: Any) -> Pair:
    """TRL's implicit prompt: what both sides begin with."""
    if isinstance(chosen, str) and isinstance(rejected, str):
        prompt = chosen[: _shared(chosen, rejected)]
        prompt = prompt[: max(prompt.rfind(" "), prompt.rfind("\n")) + 1].rstrip(" ")
        if not prompt.strip():
            raise BadRecordError("no prompt, and chosen and rejected do not begin alike")
        return Pair(prompt, chosen[len(prompt) :], rejected[len(prompt) :])
    mine, other = _turns(chosen, "chosen"), _turns(rejected, "rejected")
    shared = _shared(mine, other)
    if not shared:
        raise BadRecordError("no prompt, and chosen and rejected do not begin alike")
    prompt_turns = mine[:shared]
    return Pair(prompt_turns, _answer(mine[shared:], prompt_turns), _answer(other[shared:], prompt_turns))


def _shared(mine: Sequence[Any], other: Sequence[Any]) -> int:
    """How many items two sequences begin with in common."""
    return next((i for i, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b), min(len(mine), len(other)))


def _side(record: Mapping[str, Any], name: str) -> Any:
    if name not in record:
        raise BadRecordError(f"no {name}")
    return record[name]


def _answer(side: Any, prompt: Content) -> str:
    """The one assistant's turn that a side adds to the prompt, as text."""
    if isinstance(side, str):
        return side
    turns = _turns([side] if isinstance(side, Mapping) else side, "chosen or rejected")
    if prompt and turns[: len(prompt)] == prompt:
        turns = turns[len(prompt) :]
    if len(turns) != 1 or turns[0]["role"] != "assistant":
        raise BadRecordError("chosen and rejected must each be one assistant's turn after the prompt")
    return turns[0]["content"]


def _turns(raw: Any, name: str) -> list[Message]:
    if not isinstance(raw, list) or not raw:
        raise BadRecordError(f"{name} is not text, nor messages")
    return [_message(turn) for turn in raw]


def _message(turn: Any) -> Message:
    """`role` and `content`, or ShareGPT's `from` and `value`."""
    if not isinstance(turn, Mapping):
        raise BadRecordError("a message is not an object")
    role, text = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    if role not in _ROLES or not isinstance(text, str):
        raise BadRecordError("a message needs a known role and text")
    return {"role": _ROLES[role], "content": text}


def _gap(record: Mapping[str, Any]) -> float | None:
    """By how much the file itself prefers the chosen side, where it carries scores."""
    metadata = record.get("metadata")
    places = [record, metadata] if isinstance(metadata, Mapping) else [record]
    for place in places:
        scores = [place.get("score_chosen"), place.get("score_rejected")]
        if all(isinstance(score, int | float) and not isinstance(score, bool) for score in scores):
            return float(scores[0]) - float(scores[1])  # type: ignore[arg-type]
    return None
