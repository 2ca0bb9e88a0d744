"""The pieces of a markdown page: tables, numbers, and text in which nothing reads as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from engine.text import one_line

_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def number(value: float | None) -> str:
    return "missing" if value is None else f"{value:.4g}"


def delta(value: float | None) -> str:
    return "" if value is None else f"{round(value, 12):+.3g}" if round(value, 12) else "±0"


def safe(text: str) -> str:
    """One line in which nothing reads as a table's bar, a heading or a tag."""
    line = one_line(text, 500).replace("|", "\\|")
    return _TAG.sub("&lt;", line)
