"""YAML by careful rules: a config is written by people, and what it says must be what is meant."""

from __future__ import annotations

import re
from typing import Any

import yaml

from engine.errors import ConfigError, Fault
from engine.text import clean

_DATE = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Safe YAML with no aliases (a small file could expand without end), no repeated keys, and `5e-7` as a number."""

    # A name such as 2024-01-01 is text: no setting is a date.
    yaml_implicit_resolvers = {
        first: [rule for rule in rules if rule[0] != _DATE]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not accepted", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be one word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} appears twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def read_yaml(text: str, source: str) -> Any:
    """YAML (or JSON) by our careful rules: no aliases, no repeated keys, `5e-7` a number. Raises ConfigError."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ConfigError(source, [Fault(_where(error), "", f"not readable as YAML: {_problem(error)}")]) from None
    except RecursionError:
        raise ConfigError(source, [Fault("file", "", "not readable as YAML: nested too deeply")]) from None
    except ValueError as error:  # a number of too many digits
        raise ConfigError(source, [Fault("file", "", f"not readable as YAML: {clean(str(error), 200)}")]) from None


def parse_value(text: str) -> Any:
    """One value as YAML reads it: `0.2`, `5e-7`, `true`, `null`, `a word`; text where it is no YAML."""
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return text


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}" if mark else "file"


def _problem(error: yaml.YAMLError) -> str:
    return clean(str(getattr(error, "problem", None) or error).splitlines()[0], 200)
