import pytest

from tui.plot.labels import decade, labels, number, scientific


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.0, 0.5, 1.0], ["0", "0.5", "1.0"]),
        ([0.0, 0.025, 0.05], ["0", "0.025", "0.050"]),
        ([0.0, 250.0, 500.0], ["0", "250", "500"]),
        ([0.0, 1000.0, 2000.0], ["0", "1k", "2k"]),
        ([0.0, 2500.0, 5000.0], ["0", "2.5k", "5.0k"]),
        ([1000.0, 1100.0, 1200.0], ["1000", "1100", "1200"]),
        ([1e6, 1000000.5], ["1000000.0", "1000000.5"]),
        ([0.0, 5e5, 1e6], ["0", "0.5M", "1.0M"]),
        ([2.5e-6, 5e-6], ["2.5e-6", "5e-6"]),
        ([-0.5, 0.0, 0.5], ["-0.5", "0", "0.5"]),
        ([], []),
    ],
)
def test_labels_of_an_axis_share_one_form(values: list[float], shown: list[str]) -> None:
    assert labels(values) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.3184, "0.318"),
        (12.345, "12.35"),
        (345.67, "345.7"),
        (12345.6, "12,346"),
        (5e-6, "5e-6"),
        (0.0, "0.000"),
        (-1.5, "-1.500"),
        (2.5e7, "2.5e7"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_a_reading(value: float, shown: str) -> None:
    assert number(value) == shown


def test_sizes_of_a_log_axis() -> None:
    assert [decade(value) for value in (1e-5, 0.01, 5.0, 2000.0, 2e4, 1e6)] == [
        "1e-5",
        "0.01",
        "5",
        "2000",
        "20k",
        "1M",
    ]
    assert scientific(0) == "0"
