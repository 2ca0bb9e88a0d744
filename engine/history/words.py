"""Words and checks that every part of a table shares."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeGuard

from engine.errors import Fault
from engine.text import one_line

MISSING = "write null for what could not be measured: the rules take it as a failed evaluation"


def shown(raw: Any) -> str:
    return one_line(repr(raw) if isinstance(raw, str) else str(raw), 60)


def is_number(raw: Any) -> TypeGuard[float]:
    return isinstance(raw, int | float) and not isinstance(raw, bool)


def unknown_keys(raw: Mapping[Any, Any], known: Collection[str], where: str) -> Iterator[Fault]:
    for key in raw:
        if key in known:
            continue
        close = get_close_matches(str(key), known, 1)
        name = one_line(f"{where}.{key}" if where else str(key), 120)
        yield Fault(
            name, "", "unknown key", f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
        )
