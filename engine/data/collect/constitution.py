"""Written principles: what an answer is criticised and revised by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config.yaml import read_yaml
from engine.errors import DataError
from engine.models.nearest import nearest_files

_SHAPE = "write `principles:` and under it one text a line, or `- text: …` with its `category: …`"


@dataclass(frozen=True, slots=True)
class Principle:
    """`category` is what its pairs are counted and weighted as; "" leaves them their prompt's."""

    text: str
    category: str = ""


def load_constitution(path: Path) -> tuple[Principle, ...]:
    """The principles in a YAML file. Raises DataError, ConfigError."""
    try:
        raw = read_yaml(path.read_text("utf-8"), str(path))
    except FileNotFoundError:
        raise DataError(f"data.constitution = {path}: no such file", remedy=nearest_files(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"data.constitution = {path}: cannot be read: {error}") from None
    listed = raw.get("principles") if isinstance(raw, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise DataError(f"{path}: no principles", remedy=_SHAPE)
    return tuple(_principle(each, number, path) for number, each in enumerate(listed, 1))


def _principle(raw: Any, number: int, path: Path) -> Principle:
    given = {"text": raw} if isinstance(raw, str) else raw
    if isinstance(given, Mapping) and given.keys() <= {"text", "category"}:
        text, category = given.get("text"), given.get("category", "")
        if isinstance(text, str) and text.strip() and isinstance(category, str):
            return Principle(text.strip(), category)
    raise DataError(f"{path}: principle {number} is not a text", remedy=_SHAPE)
