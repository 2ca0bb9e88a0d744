from __future__ import annotations

import math

import pytest

from engine.config import RunConfig, check_setting, describe_settings, iteration_settings
from tui.presenters.numbers import number, ratio, setting, signed


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.58123, "0.581"),
        (1.0, "1.000"),
        (8.4123, "8.412"),
        (12.34, "12.34"),
        (1204.4, "1204"),
        (0.0, "0.000"),
        (0.00042, "4.2e-4"),
    ],
)
def test_decimals_line_up_until_numbers_grow(value: float, shown: str) -> None:
    assert number(value) == shown


def test_what_is_not_a_number_is_said() -> None:
    assert number(None) == "n/a"
    assert number(math.nan) == "nan"


@pytest.mark.parametrize(
    ("value", "shown"), [(5e-6, "5e-6"), (0.1, "0.1"), (1000, "1000"), (True, "true"), (None, "null"), ("ipo", "ipo")]
)
def test_a_setting_reads_as_one_would_type_it(value: object, shown: str) -> None:
    assert setting(value) == shown  # type: ignore[arg-type]


def test_ratio_only_between_numbers_that_differ() -> None:
    assert ratio(0.1, 0.2) == "×2"
    assert ratio(1000, 700) == "×0.7"
    assert ratio(0.1, 0.1) == ratio("a", "b") == ratio(0, 1) == ratio(True, False) == ""


def test_signed_keeps_the_width_of_its_sign() -> None:
    assert signed(0.021) == "+0.021"
    assert signed(-0.041) == "−0.041"


@pytest.mark.parametrize("name", [info.name for info in describe_settings()])
def test_every_setting_of_a_new_run_can_be_typed_as_it_is_shown(name: str) -> None:
    """The gate's form opens with these texts, and checks each as if it had been typed."""
    settings = iteration_settings(RunConfig())
    assert check_setting(name, setting(settings[name]), settings) == settings[name]
