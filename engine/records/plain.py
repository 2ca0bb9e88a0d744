"""Records as plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from engine.records.rules import Change


def as_json(value: Any) -> Any:
    """Plain JSON of a record: dataclasses to objects, tuples to arrays, numbers that are not finite to null."""
    if isinstance(value, Change):
        return {"field": value.field, "from": as_json(value.before), "to": as_json(value.after), "why": value.why}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
