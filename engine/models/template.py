"""A chat template from a file, tried before anything depends on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError

from engine.errors import ModelError
from engine.models.nearest import nearest_files
from engine.text import one_line

_TALK = [{"role": "user", "content": "a question"}, {"role": "assistant", "content": "an answer"}]
_SHAPE = (
    "a template goes through `messages`, each with `role` and `content`, and opens the assistant's turn where "
    "`add_generation_prompt` is true"
)


def set_chat_template(tokenizer: Any, path: Path) -> None:
    """Make the tokenizer speak by the Jinja template in `path`. transformers renders it in a sandbox.

    Raises ModelError for a file that cannot be read, a template that fails, and one that loses what was said or opens
    no turn for the answer: it would train the model on nothing.
    """
    try:
        tokenizer.chat_template = path.read_text("utf-8")
    except FileNotFoundError:
        raise ModelError(f"model.chat_template = {path}: no such file", remedy=nearest_files(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"model.chat_template = {path}: cannot be read: {error}") from None
    try:
        asked = tokenizer.apply_chat_template(_TALK[:1], tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template(_TALK, tokenize=False)
    except TemplateError as error:
        line = f"line {error.lineno}: " if isinstance(error, TemplateSyntaxError) else ""
        raise ModelError(f"model.chat_template = {path}: {line}{one_line(str(error))}", remedy=_SHAPE) from None
    if "a question" not in asked or "a question" not in whole or "an answer" not in whole:
        raise ModelError(f"model.chat_template = {path}: it leaves out what was said", remedy=_SHAPE)
    if not whole.startswith(asked.rstrip()):
        raise ModelError(f"model.chat_template = {path}: a prompt is not how its conversation begins", remedy=_SHAPE)
