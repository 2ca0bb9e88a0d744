from __future__ import annotations

import pytest

from engine.config import RunConfig, check_setting, describe_settings, iteration_settings, parse_config, with_settings
from engine.errors import ConfigError
from engine.records.objectives import OBJECTIVES

SETTINGS = iteration_settings(RunConfig())


def test_settings_are_flat_and_go_back_into_the_config() -> None:
    config = parse_config("training: {beta: 0.3}\nmodel: {lora_r: 4}")
    changed = with_settings(config, {**iteration_settings(config), "beta": 0.2, "max_steps": 70})
    assert (changed.training.beta, changed.training.max_steps, changed.model.lora_r) == (0.2, 70, 4)
    assert config.training.beta == 0.3


def test_settings_out_of_bounds_are_refused_together() -> None:
    with pytest.raises(ConfigError) as caught:
        with_settings(RunConfig(), {"beta": 2, "max_steps": 0, "speed": 3})
    assert [fault.key for fault in caught.value.faults] == ["beta", "max_steps", "speed"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("beta", "0.2", 0.2),
        ("learning_rate", "5e-7", 5e-7),
        ("max_steps", "70", 70),
        ("loss_type", "ipo", "ipo"),
        ("loss_type", "0.5*ipo+sft", "0.5*ipo + sft"),
    ],
)
def test_a_setting_is_checked_as_typed(name: str, text: str, value: object) -> None:
    assert check_setting(name, text, SETTINGS) == value


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("beta", "", "expected a number"),
        ("beta", "2", "expected at most 1"),
        ("beta", "no", "expected a number"),
        ("beta", "[1", "expected a number"),
        ("max_steps", "1.5", "expected a whole number"),
        ("max_steps", "0", "expected at least 1"),
        ("loss_type", "sgmoid", "did you mean sigmoid?"),
        ("loss_type", "kto + sft", "kto has a trainer of its own and stands alone"),
        ("loss_type", "2*sigmoid", "only a sum has weights"),
        ("loss_type", "-1*sft + sigmoid", "expected a positive weight"),
        ("loss_type", "sft + sft", "names a loss twice"),
        ("bta", "1", "did you mean beta?"),
    ],
)
def test_a_bad_setting_says_what_is_wrong(name: str, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_setting(name, text, SETTINGS)
    (fault,) = caught.value.faults
    assert fault.key == name
    assert problem in str(fault)


def test_another_setting_that_is_bad_is_reported_rather_than_nothing() -> None:
    with pytest.raises(ConfigError) as caught:
        check_setting("beta", "0.2", {"max_steps": 0})
    assert [fault.key for fault in caught.value.faults] == ["max_steps"]


def test_a_form_can_show_every_setting() -> None:
    described = {info.name: info for info in describe_settings()}
    assert list(described) == list(SETTINGS)
    assert described["beta"].bounds == "≥ 0.01, ≤ 1"
    assert described["loss_type"].bounds == " | ".join(OBJECTIVES)
    assert all(info.description for info in described.values())
