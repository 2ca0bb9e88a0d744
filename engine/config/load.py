"""YAML and `--set` into a `RunConfig`: every fault found at once, each with its key, its value and what would do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from engine.config.schema import RunConfig, TrainingConfig
from engine.errors import ConfigError, Fault
from engine.text import clean

_TRAINING = frozenset(TrainingConfig.model_fields)


class _Loader(yaml.SafeLoader):
    """Safe YAML with no aliases (a small file could expand without end), no repeated keys, and `5e-7` as a number."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not accepted", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} appears twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def load_config(path: Path, assignments: Sequence[str] = ()) -> RunConfig:
    """The config in a YAML file with `KEY=VALUE` assignments on top. Raises ConfigError with every fault found."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(str(path), [Fault(str(path), "", "no such file", "see configs/ for examples")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [Fault(str(path), "", f"cannot be read: {error}")]) from None
    return parse_config(text, str(path), assignments)


def read_yaml(text: str, source: str) -> Any:
    """YAML (or JSON) by our careful rules: no aliases, no repeated keys, `5e-7` a number. Raises ConfigError."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ConfigError(source, [Fault(_where(error), "", f"not readable as YAML: {_problem(error)}")]) from None


def parse_config(text: str, source: str = "config", assignments: Sequence[str] = ()) -> RunConfig:
    raw = read_yaml(text, source)
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise ConfigError(source, [Fault(source, _show(raw), "expected keys and values", "such as `recipe: dpo`")])
    return _validate(_merge(raw, assignments, source), source)


def override(config: RunConfig, assignments: Sequence[str]) -> RunConfig:
    """`config` with `KEY=VALUE` assignments on top."""
    return _validate(_merge(config.model_dump(mode="json"), assignments, "--set"), "--set")


def parse_value(text: str) -> Any:
    """One value as YAML reads it: `0.2`, `5e-7`, `true`, `null`, `a word`."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        return text


def _merge(raw: dict[str, Any], assignments: Sequence[str], source: str) -> dict[str, Any]:
    faults = []
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        key = key.strip()
        if not sign or not key:
            faults.append(Fault(assignment, "", "not an assignment", "write KEY=VALUE, such as beta=0.2"))
            continue
        *sections, leaf = (f"training.{key}" if key in _TRAINING else key).split(".")
        target: Any = raw
        for section in sections:
            target = target.setdefault(section, {}) if isinstance(target, dict) else None
        if isinstance(target, dict):
            target[leaf] = parse_value(text)
        else:
            faults.append(Fault(key, text, "no such key"))
    if faults:
        raise ConfigError(source, faults)
    return raw


def _validate(raw: Mapping[str, Any], source: str) -> RunConfig:
    try:
        config = RunConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(source, list(faults_of(error))) from None
    if config.data.source != "on_policy" and not (config.data.path or config.data.dataset):
        missing = Fault(
            "data.path",
            "",
            f"data.source is {config.data.source}, which needs pairs from somewhere",
            "set data.path to a .json or .jsonl file, or data.dataset to a dataset's name",
        )
        raise ConfigError(source, [missing])
    return config


def faults_of(error: ValidationError) -> Iterator[Fault]:
    """Pydantic's complaints in our words, one a key."""
    seen: set[str] = set()
    for item in error.errors():
        path = [str(part) for part in item["loc"] if not _is_tag(str(part))]
        key = ".".join(path)
        if key in seen:
            continue
        seen.add(key)
        if item["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
            yield Fault(clean(key), "", "unknown key", nearest_key(path))
        else:
            yield Fault(clean(key), _show(item["input"]), _message(item), _remedy(item))


def _is_tag(part: str) -> bool:
    """Pydantic names the branch of a union in a location; people do not write it."""
    return part.startswith(("literal[", "constrained-", "function-")) or part in {"float", "int", "str"}


def _message(item: Any) -> str:
    message = str(item["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return message[0].lower() + message[1:]


def _remedy(item: Any) -> str:
    if isinstance(item["input"], bool) and item["type"] in {"string_type", "literal_error"}:
        return "YAML reads yes, no, on and off as true or false; put quotes around the word"
    if isinstance(item["input"], str) and "number" in str(item["msg"]):
        return "write it without quotes or units, such as 0.0000005 or 5e-7"
    return ""


def nearest_key(path: list[str]) -> str:
    """The known key that is closest to a misspelt one, looked for in its section first and then everywhere."""
    known = list(_keys(RunConfig))
    key = ".".join(path)
    beside = [name for name in known if name.rpartition(".")[0] == ".".join(path[:-1])]
    leaves = {name.rpartition(".")[2]: name for name in known}
    close = difflib.get_close_matches(key, beside, 1, 0.6) or difflib.get_close_matches(path[-1], leaves, 1, 0.75)
    if close:
        return f"did you mean {leaves.get(close[0], close[0])}?"
    return "known here: " + ", ".join(name.rpartition(".")[2] for name in beside) if beside else ""


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        yield prefix + name
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys(kind, f"{prefix}{name}.")
        elif is_dataclass(kind):
            yield from (f"{prefix}{name}.{leaf.name}" for leaf in fields(kind))


def _show(value: Any) -> str:
    return clean(repr(value) if isinstance(value, str) else str(value), 80)


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}" if mark else "file"


def _problem(error: yaml.YAMLError) -> str:
    return clean(str(getattr(error, "problem", None) or error).splitlines()[0], 200)
