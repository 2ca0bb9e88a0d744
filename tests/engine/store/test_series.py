"""A chart gets as many points as it can show, the truest kind that is affordable, and the window that it asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader
from tests.fixtures.long_run import write_long_run


def truth(name_index: int, lo: int, hi: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    step = np.arange(lo, hi + 1, dtype=np.float64)
    return np.exp(-step / 300_000) + 0.1 * np.sin(step / 37 + name_index) + name_index


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> RunPaths:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PILOTHOUSE_RUNS", str(tmp_path_factory.mktemp("long")))
        return write_long_run(steps=300_000, metrics=3)


@pytest.mark.parametrize(
    ("lo", "hi", "columns", "level"),
    [
        (1000, 1399, 100, 1),
        (1000, 1400, 100, 64),
        (1, 100_000, 100, 448),
        (1, 300_000, 400, 320),
        (1, 300_000, 50, 4096),
    ],
)
def test_the_level_follows_the_window_and_the_width(long: RunPaths, lo: int, hi: int, columns: int, level: int) -> None:
    with Reader(long.ledger) as reader:
        series = reader.series("rewards/margins", lo, hi, columns)
    assert series.level == level
    whole = truth(2, lo, hi)
    assert np.nanmax(series.hi) == pytest.approx(whole.max(), rel=0.02)
    assert np.nanmin(series.lo) == pytest.approx(whole.min(), rel=0.02)
    assert (lo <= series.x).all()
    assert (series.x <= hi).all()
    assert (np.diff(series.x) > 0).all()


def test_the_whole_run_s_mean_is_the_mean(long: RunPaths) -> None:
    with Reader(long.ledger) as reader:
        series = reader.series("loss", columns=50)
    middle = series.x[5:-5]
    near = np.exp(-middle / 300_000)
    np.testing.assert_allclose(series.mean[5:-5], near, atol=0.01)


def test_a_step_told_twice_shows_its_later_value(ledger: Ledger, reader: Reader) -> None:
    for step, value in ((1, 1.0), (2, 2.0), (3, 3.0), (2, 20.0), (3, 30.0), (4, 4.0)):
        ledger.record(0, step, 0.0, {"loss": value})
    series = reader.series("loss")
    assert (series.level, series.x.tolist(), series.mean.tolist()) == (1, [1, 2, 3, 4], [1, 20, 30, 4])


def test_what_is_not_finite_is_a_gap_that_is_counted(ledger: Ledger, reader: Reader) -> None:
    for step, value in ((1, 1.0), (2, math.nan), (3, 3.0)):
        ledger.record(0, step, 0.0, {"loss": value})
    series = reader.series("loss")
    np.testing.assert_array_equal(series.mean, [1.0, math.nan, 3.0])
    assert series.missing.tolist() == [0, 1, 0]


def test_an_unknown_metric_an_empty_and_a_backward_window_are_empty(ledger: Ledger, reader: Reader) -> None:
    for step in range(1, 1000):
        ledger.record(0, step, 0.0, {"loss": 1.0})
    for series in (
        reader.series("nothing"),
        reader.series("nothing", columns=2),
        reader.series("loss", 5000, 9000),
        reader.series("loss", 9000, 5000),
        reader.series("loss", 5000, 90_000, 10),
        reader.series("loss", -50, -10),
    ):
        assert len(series.x) == len(series.mean) == len(series.missing) == 0
