"""Recorded pairs as a model takes them, and which of them can tell two models apart."""

from __future__ import annotations

from collections.abc import Sequence

from engine.data.formats import chat_pair
from engine.data.task import Pair
from engine.models.resident import Resident
from engine.models.tokens import require_template


def spoken(pairs: Sequence[Pair], resident: Resident) -> list[Pair]:
    """The pairs as this model takes prompts: messages through its chat template, or plain text.

    Raises ModelError for messages where the tokenizer has no template.
    """
    if resident.chat:
        return [chat_pair(pair, resident.tokenizer.all_special_tokens) for pair in pairs]
    require_template(resident.tokenizer, any(not isinstance(pair.prompt, str) for pair in pairs))
    return list(pairs)


def has_winner(pair: Pair) -> bool:
    """Whether one side is clearly the better one: what is held out must be able to tell two models apart."""
    chosen, rejected = pair.chosen.strip(), pair.rejected.strip()
    return bool(chosen and rejected) and chosen != rejected and (pair.gap is None or pair.gap > 0)
