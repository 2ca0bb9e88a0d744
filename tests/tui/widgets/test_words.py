import pytest

from tui.widgets.words import age, duration, gib, percent


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59.9, "59 s"), (192, "3:12"), (3727, "1:02:07"), (86400 * 3 + 3600 * 4, "3 d 4 h"), (-5, "0 s")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_sizes_ages_and_shares() -> None:
    assert gib(int(9.84 * 1024**3)) == "9.8 GiB"
    assert gib(300 * 1024**2) == "0.29 GiB"
    assert gib(None) == percent(None) == "n/a"
    assert percent(97.4) == "97 %"
    assert (age(0.42), age(12.3)) == ("0.4 s", "12 s")
