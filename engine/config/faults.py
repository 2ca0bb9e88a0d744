"""What is wrong with a config, in words: each fault with its key, its value, and what would do."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from engine.config.schema import RECORD_BOUNDS, RunConfig
from engine.errors import Fault
from engine.text import clean

_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument", "invalid_key"}
_FORMS = {
    "judges.endpoint.url": "http:// or https:// and a server, without a name, a password or a query",
    "judges.endpoint.key_env": "the name of an environment variable, never the key itself",
}
"""Keys of a form of their own. Their values are not shown: somebody will have put a secret there."""
_EXPECTED = {
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "dict_type": "keys and values",
    "dataclass_type": "keys and values",
    "missing": "a value here",
    "string_type": "text",
    "string_too_short": "some text",
    "tuple_type": "a list",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{expected}",
}


def faults_of(error: ValidationError) -> Iterator[Fault]:
    """Pydantic's complaints in our words, one a key."""
    seen: set[str] = set()
    for item in error.errors():
        path = [str(part) for part in item["loc"] if part != "[key]"]
        key = ".".join(path)
        if key in seen:
            continue
        seen.add(key)
        if item["type"] in _UNKNOWN:
            yield Fault(clean(key), "", "unknown key", nearest_key(path))
        else:
            shown = "" if key in _FORMS or item["type"] == "missing" else show(item["input"])
            yield Fault(clean(key), shown, _message(item), _remedy(item))


def record_faults(raw: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of the sections that are plain records: pydantic would count `no` as 0 and take any number."""
    for section in ("thresholds", "budget"):
        values = raw.get(section)
        for name, value in values.items() if isinstance(values, dict) else ():
            key = f"{section}.{name}"
            low, high = RECORD_BOUNDS.get(key, (0.0, math.inf))
            if value is None and section == "budget":
                continue
            if key == "thresholds.floors":
                yield from _floor_faults(value)
                continue
            if isinstance(value, bool | str) or not isinstance(value, int | float):
                yield Fault(clean(key), show(value), "expected a number", _unquoted(value))
            elif not low <= value <= high or value == math.inf:
                bounds = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
                yield Fault(clean(key), show(value), f"expected a number {bounds}")


def _floor_faults(value: Any) -> Iterator[Fault]:
    """`floors` is a table of its own: a metric's name and the value below which the run stops."""
    if not isinstance(value, dict):
        yield Fault("thresholds.floors", show(value), "expected metrics and numbers", "such as {task_accuracy: 0.7}")
        return
    for name, floor in value.items():
        if isinstance(floor, bool) or not isinstance(floor, int | float) or not math.isfinite(floor):
            yield Fault(clean(f"thresholds.floors.{name}"), show(floor), "expected a number", _unquoted(floor))


def nearest_key(path: list[str]) -> str:
    """The known key that is closest to a misspelt one: of its own section first, then of any; `lr` for its initials."""
    known, leaf, section = known_keys(), path[-1], ".".join(path[:-1])
    beside = {_leaf(name): name for name in known if name.rpartition(".")[0] == section}
    anywhere = {_leaf(name): name for name in reversed(known)} | beside
    close = (
        [name for name in anywhere if name == leaf]
        or [name for name in beside if "".join(word[0] for word in name.split("_")) == leaf]
        or difflib.get_close_matches(leaf, beside, 1, 0.75)
        or difflib.get_close_matches(leaf, anywhere, 1, 0.75)
        or difflib.get_close_matches(leaf, beside, 1, 0.6)
    )
    if close:
        return f"did you mean {anywhere[close[0]]}?"
    return f"known here: {', '.join(beside)}" if beside else ""


def known_keys() -> list[str]:
    """Every key as written in YAML with dots, sections included."""
    return list(_keys(RunConfig))


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def show(value: Any) -> str:
    return clean(repr(value) if isinstance(value, str) else str(value), 80)


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = _section_type(field.annotation)
        yield prefix + name
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys(kind, f"{prefix}{name}.")
        elif is_dataclass(kind):
            yield from (f"{prefix}{name}.{leaf.name}" for leaf in fields(kind))


def _section_type(annotation: Any) -> Any:
    """The section behind `Section | None`; any other type as it is."""
    sections = [kind for kind in get_args(annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return sections[0] if sections else annotation


def _message(item: Any) -> str:
    expected = _FORMS.get(".".join(map(str, item["loc"]))) or _EXPECTED.get(item["type"])
    if expected:
        return f"expected {expected.format(**item.get('ctx', {}))}"
    message = str(item["msg"]).removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _remedy(item: Any) -> str:
    if isinstance(item["input"], bool) and item["type"] in {"string_type", "literal_error"}:
        return "YAML reads yes, no, on and off as true or false; put quotes around the word"
    return _unquoted(item["input"]) if "number" in str(item["msg"]) else ""


def _unquoted(value: Any) -> str:
    numeric = isinstance(value, str) and any(sign.isdigit() for sign in value)
    return "write it without quotes or units, such as 0.0000005 or 5e-7" if numeric else ""
