"""One iteration's flat share of the config: out of a run's config, back into it, one field checked as it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from engine.config.faults import faults_of, nearest_key
from engine.config.schema import RunConfig, Section, TrainingConfig
from engine.config.yaml import parse_value
from engine.errors import ConfigError, Fault
from engine.records import Scalar, Settings
from engine.text import clean


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """What a form needs to know of one setting: its name, what it is for, and its bounds in words."""

    name: str
    description: str
    bounds: str


def iteration_settings(config: RunConfig) -> dict[str, Scalar]:
    """The flat config of an iteration: `beta`, `learning_rate`, `max_steps`, …"""
    return config.training.model_dump(mode="json")


def with_settings(config: RunConfig, settings: Settings) -> RunConfig:
    """`config` with an iteration's settings in its `training` section, checked. Raises ConfigError."""
    merged: dict[str, Any] = {**iteration_settings(config), **settings}
    try:
        training = TrainingConfig.model_validate(merged)
    except ValidationError as error:
        raise ConfigError("settings", list(faults_of(error))) from None
    return config.model_copy(update={"training": training})


def check_setting(name: str, text: str, settings: Settings, section: type[Section] = TrainingConfig) -> Scalar:
    """`text` as the value of one setting, or a ConfigError that says what is wrong with it.

    A stage that trains by a section of its own has its bounds there; `settings` are then that section's.
    """
    if name not in section.model_fields:
        nearest = nearest_key(["training", name]).replace("training.", "")
        raise ConfigError("settings", [Fault(clean(name, 80), clean(text, 80), "no such setting", nearest)])
    merged: Mapping[str, Any] = {**settings, name: parse_value(text)}
    try:
        checked: Scalar = getattr(section.model_validate(merged), name)
    except ValidationError as error:
        faults = list(faults_of(error))
        raise ConfigError("settings", [fault for fault in faults if fault.key == name] or faults) from None
    return checked


def describe_settings() -> list[SettingInfo]:
    """Every setting in the order of the schema."""
    return [
        SettingInfo(name, field.description or "", _bounds(field))
        for name, field in TrainingConfig.model_fields.items()
    ]


def _bounds(field: Any) -> str:
    words = [
        f"{sign} {getattr(rule, slot):g}"
        for rule in field.metadata
        for slot, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if getattr(rule, slot, None) is not None
    ]
    choices = (field.json_schema_extra or {}).get("choices") or getattr(field.annotation, "__args__", ())
    return " | ".join(map(str, choices)) if choices and not words else ", ".join(words)
