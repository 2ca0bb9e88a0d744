"""One record of a preference file, in any of the shapes that people have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.data.formats.alpaca import instruction_pair
from engine.data.formats.standard import explicit, implicit
from engine.data.formats.transcript import is_transcript, transcript_pair
from engine.data.formats.turns import BadRecordError, answer, to_answer
from engine.data.formats.unpaired import Unpaired, unpaired
from engine.records import Pair

_CONVERSATIONS = ("conversations", "conversation")


def parse_record(record: Any) -> Pair | Unpaired:
    """From TRL's standard or conversational format (prompt explicit or implicit), KTO's, Alpaca's instruction and
    input, ShareGPT's conversations, or HH-RLHF's transcripts. Raises BadRecordError.

    Whether a pair is worth anything (equal or empty sides, ties, …) is for the filters to say.
    """
    if not isinstance(record, Mapping):
        raise BadRecordError("not an object")
    if "label" in record and "chosen" not in record:
        return unpaired(record)
    pair = _pair(record, _side(record, "chosen"), _side(record, "rejected"))
    category, scores = record.get("category"), _scores(record)
    return replace(
        pair,
        category=category if isinstance(category, str) else "",
        gap=scores[0] - scores[1] if scores else None,
        source="file",
        scores=scores,
    )


def _pair(record: Mapping[str, Any], chosen: Any, rejected: Any) -> Pair:
    talk = next((name for name in _CONVERSATIONS if record.get(name)), None)
    if talk is not None:
        prompt = to_answer(record[talk], talk)
        return Pair(prompt, answer(chosen, prompt), answer(rejected, prompt))
    if record.get("prompt") is not None and not (is_transcript(chosen) and not is_transcript(record["prompt"])):
        return explicit(record["prompt"], chosen, rejected)
    if "instruction" in record:
        return instruction_pair(record, chosen, rejected)
    if is_transcript(chosen) and is_transcript(rejected):
        return transcript_pair(chosen, rejected)
    return implicit(chosen, rejected)


def _side(record: Mapping[str, Any], name: str) -> Any:
    if name not in record:
        raise BadRecordError(f"no {name}")
    return record[name]


def _scores(record: Mapping[str, Any]) -> tuple[float, float] | None:
    """The file's own scores of both sides, where it carries them."""
    metadata = record.get("metadata")
    places = [record, metadata] if isinstance(metadata, Mapping) else [record]
    for place in places:
        scores = [place.get("score_chosen"), place.get("score_rejected")]
        if all(isinstance(score, int | float) and not isinstance(score, bool) for score in scores):
            return float(scores[0]), float(scores[1])  # type: ignore[arg-type]
    return None
