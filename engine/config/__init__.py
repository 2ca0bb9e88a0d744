"""The run's config: what may be set (`schema`), how it is read (`load`), one iteration's share of it (`settings`)."""

from engine.config.load import check_config, load_config, override, parse_config
from engine.config.schema import RunConfig
from engine.config.settings import check_setting, describe_settings, iteration_settings, with_settings
from engine.config.yaml import parse_value, read_yaml

__all__ = [
    "RunConfig",
    "check_config",
    "check_setting",
    "describe_settings",
    "iteration_settings",
    "load_config",
    "override",
    "parse_config",
    "parse_value",
    "read_yaml",
    "with_settings",
]
