"""A capability probe from a JSON Lines file: questions with an exact answer, or with choices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.data.sources import read_records
from engine.data.task import Probe, Question
from engine.errors import DataError
from engine.models.tokens import Content

EXACT_TOKENS = 16  # length limit of an answer in words


def load_probe(path: Path, chat: bool) -> Probe:
    """The probe in `path`, named by the file's stem. Raises DataError at the first bad line: a probe must be whole.

    A line is `{"prompt", "answer": text}` (answered in words, compared without case and outer punctuation), or
    `{"prompt", "choices": [text, …], "answer": index}` (the likeliest choice counts); `category` is optional.
    With `chat`, a question is put as a user's message.
    """
    questions = []
    for line, record in read_records(path.expanduser()):
        try:
            questions.append(_question(record, chat))
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise DataError(f"{path}: line {line}: {_words(error)}", remedy=_SHAPE) from None
    if not questions:
        raise DataError(f"{path}: no questions", remedy=_SHAPE)
    return Probe(path.stem, tuple(questions), _same_words, EXACT_TOKENS)


_SHAPE = 'a line is {"prompt": …, "answer": text} or {"prompt": …, "choices": [text, …], "answer": index}'


def _question(record: Any, chat: bool) -> Question:
    if isinstance(record, Exception):
        raise record
    if not isinstance(record, Mapping):
        raise TypeError("not an object")
    prompt, answer, choices = record["prompt"], record["answer"], tuple(record.get("choices", ()))
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError("prompt is empty or not text")
    if choices:
        answer = _chosen(choices, answer)
    elif not isinstance(answer, str) or not answer.strip():
        raise ValueError("answer is empty or not text")
    content: Content = [{"role": "user", "content": prompt}] if chat else prompt
    return Question(content, answer, choices, str(record.get("category", "")))


def _chosen(choices: tuple[Any, ...], answer: Any) -> str:
    if len(choices) < 2 or not all(isinstance(choice, str) and choice for choice in choices):
        raise ValueError("choices must be two texts or more")
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(choices):
        raise ValueError(f"answer must be an index from 0 to {len(choices) - 1}")
    text: str = choices[answer]
    return text


def _same_words(answer: str, wanted: str) -> bool:
    return answer.strip().strip(".!\"'").casefold() == wanted.strip().casefold()


def _words(error: Exception) -> str:
    return f"no {error.args[0]}" if isinstance(error, KeyError) else str(error)
