"""TRL's formats: an explicit prompt or an implicit one, in text or in messages."""

from __future__ import annotations

from typing import Any

from engine.data.formats.turns import BadRecordError, answer, shared, to_answer, turns
from engine.records import Message, Pair

_NO_PROMPT = "no prompt, and chosen and rejected do not begin alike"


def explicit(prompt: Any, chosen: Any, rejected: Any) -> Pair:
    """A prompt with two answers to it; the sides may begin with the prompt again, as messages."""
    if isinstance(prompt, str):
        if not prompt.strip():
            raise BadRecordError("prompt is empty")
        asked = [{"role": "user", "content": prompt}]
        before: list[Message] = asked if isinstance(chosen, list) and chosen[:1] == asked else []
        return Pair(prompt, answer(chosen, before), answer(rejected, before))
    talk = to_answer(prompt, "prompt")
    return Pair(talk, answer(chosen, talk), answer(rejected, talk))


def implicit(chosen: Any, rejected: Any) -> Pair:
    """The prompt is what both sides begin with."""
    if isinstance(chosen, str) and isinstance(rejected, str):
        prompt = chosen[: shared(chosen, rejected)]
        prompt = prompt[: max(prompt.rfind(" "), prompt.rfind("\n")) + 1].rstrip(" ")
        if not prompt.strip():
            raise BadRecordError(_NO_PROMPT)
        return Pair(prompt, chosen[len(prompt) :], rejected[len(prompt) :])
    mine, other = turns(chosen, "chosen"), turns(rejected, "rejected")
    count = min(shared(mine, other), len(mine) - 1, len(other) - 1)  # where the sides are equal, the last is an answer
    if count < 1:
        raise BadRecordError(_NO_PROMPT)
    talk = mine[:count]
    return Pair(talk, answer(mine[count:], talk), answer(other[count:], talk))
