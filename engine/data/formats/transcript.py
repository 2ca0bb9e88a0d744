"""HH-RLHF's transcripts: "\\n\\nHuman: …\\n\\nAssistant: …" as one text a side (Bai et al., arXiv 2204.05862)."""

from __future__ import annotations

import re
from typing import Any

from engine.data.formats.turns import ROLES, BadRecordError
from engine.records import Message, Pair

_ASSISTANT = "\n\nAssistant:"
_TURN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")


def is_transcript(text: Any) -> bool:
    return isinstance(text, str) and text.lstrip().startswith("Human:") and _ASSISTANT in text


def transcript_pair(chosen: str, rejected: str) -> Pair:
    """The last answers of two transcripts that are the same up to there. Text stays text, for a base model."""
    (prompt, better), (other, worse) = _split(chosen), _split(rejected)
    if prompt.split() != other.split():
        raise BadRecordError("chosen and rejected must each be one assistant's turn after the prompt")
    return Pair(prompt, better, worse)


def undress(prompt: str) -> list[Message] | None:
    """A transcript that waits for the assistant, as messages; None for any other text."""
    if not is_transcript(prompt):
        return None
    _, *parts = _TURN.split(prompt.rstrip())
    talk = [
        {"role": ROLES["human" if who == "Human" else "assistant"], "content": said.strip()}
        for who, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    if talk[-1]["role"] != "assistant" or talk[-1]["content"]:
        return None
    return talk[:-1]


def _split(text: str) -> tuple[str, str]:
    """(prompt up to and with the last "Assistant:", its answer)."""
    head, mark, said = text.rpartition(_ASSISTANT)
    if not head.strip() or "\n\nHuman:" in said:
        raise BadRecordError("a transcript must end with the assistant's answer to a human")
    return head + mark, said
