"""YAML and `--set` into a `RunConfig`: every fault found at once, each with its key, its value and what would do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.config.faults import faults_of, known_keys, nearest_key, record_faults, show
from engine.config.schema import RunConfig, TrainingConfig
from engine.config.yaml import parse_value, read_yaml
from engine.errors import ConfigError, Fault
from engine.text import clean

_TRAINING = frozenset(TrainingConfig.model_fields)


def load_config(path: Path, assignments: Sequence[str] = ()) -> RunConfig:
    """The config in a YAML file with `KEY=VALUE` assignments on top. Raises ConfigError with every fault found."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(str(path), [Fault(str(path), "", "no such file", "see configs/ for examples")]) from None
    except OSError as error:
        raise ConfigError(str(path), [Fault(str(path), "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), [Fault(str(path), "", "cannot be read: it is not UTF-8 text")]) from None
    return parse_config(text, str(path), assignments)


def parse_config(text: str, source: str = "config", assignments: Sequence[str] = ()) -> RunConfig:
    raw = read_yaml(text, source)
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise ConfigError(source, [Fault(source, show(raw), "expected keys and values", "such as `recipe: dpo`")])
    return check_config(raw, source, assignments)


def override(config: RunConfig, assignments: Sequence[str]) -> RunConfig:
    """`config` with `KEY=VALUE` assignments on top."""
    return check_config(config.model_dump(mode="json"), "--set", assignments)


def check_config(raw: Mapping[Any, Any], source: str, assignments: Sequence[str] = ()) -> RunConfig:
    """Nested plain values, with assignments on top, as a config. Raises ConfigError with every fault found."""
    # A section whose every line is commented out reads as null.
    merged = {name: value for name, value in raw.items() if value is not None}
    faults = list(_assign(merged, assignments))
    faults += record_faults(merged)
    try:
        config = RunConfig.model_validate(merged)
    except ValidationError as error:
        named = {fault.key for fault in faults}
        faults += [fault for fault in faults_of(error) if fault.key not in named]
        raise ConfigError(source, faults) from None
    if config.data.source != "on_policy" and not (config.data.path or config.data.dataset):
        problem = f"data.source is {config.data.source}, which needs pairs from somewhere"
        remedy = "set data.path to a .json or .jsonl file, or data.dataset to a dataset's name"
        faults.append(Fault("data.path", "", problem, remedy))
    faults += _judge_faults(config)
    if faults:
        raise ConfigError(source, faults)
    return config


def _judge_faults(config: RunConfig) -> Iterator[Fault]:
    judges = config.judges
    if "reward_model" in (judges.training, judges.held_out) and judges.reward_model.path is None:
        yield Fault("judges.reward_model.path", "", "the reward_model judge needs it", "give its folder or hub name")
    for key in ("url", "model") if "endpoint" in (judges.training, judges.held_out) else ():
        if getattr(judges.endpoint, key) is None:
            remedy = "any OpenAI-compatible server will do, such as one on this machine"
            yield Fault(f"judges.endpoint.{key}", "", "the endpoint judge needs it", remedy)


def _assign(raw: dict[Any, Any], assignments: Sequence[str]) -> Iterator[Fault]:
    """Put each `KEY=VALUE` into `raw`; a training setting needs no section in front."""
    for assignment in assignments:
        written, sign, text = assignment.partition("=")
        key = written.strip()
        if not sign or not key:
            yield Fault(clean(assignment, 80), "", "not an assignment", "write KEY=VALUE, such as beta=0.2")
            continue
        full = f"training.{key}" if key in _TRAINING else key
        if full not in known_keys():
            yield Fault(clean(key, 80), clean(text, 80), "no such key", nearest_key(full.split(".")))
            continue
        _put(raw, full.split("."), parse_value(text))


def _put(raw: dict[Any, Any], path: Sequence[str], value: Any) -> None:
    """`value` at `path`, in copies of the sections on the way. A section that is none is left for its own fault."""
    first, *rest = path
    if not rest:
        raw[first] = value
        return
    section = raw.get(first) or {}
    if isinstance(section, dict):
        raw[first] = dict(section)
        _put(raw[first], rest, value)
