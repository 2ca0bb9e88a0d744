from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from engine.evaluation.intervals import bootstrap, clustered_rate, ratio, wilson
from engine.evaluation.measures import fixed, mean, rate


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (50, 100), (10, 10)])
def test_wilson_agrees_with_scipy(hits: int, n: int) -> None:
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=60), st.integers(1, 5))
def test_a_rate_lies_in_its_interval_and_the_interval_in_the_unit(items: list[float], each: int) -> None:
    low, high = clustered_rate(items, [i // each for i in range(len(items))])
    assert 0 <= low <= np.mean(items) + 1e-9
    assert np.mean(items) - 1e-9 <= high <= 1


def test_copies_of_an_answer_are_no_new_evidence() -> None:
    items = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0] * 4
    alone = clustered_rate(items, range(len(items)))
    copied = clustered_rate([item for item in items for _ in range(5)], [i // 5 for i in range(5 * len(items))])
    assert copied == pytest.approx(alone, abs=0.01)


def test_all_right_is_not_certain() -> None:
    low, high = clustered_rate([1.0] * 20, range(20))
    assert high == 1
    assert low == pytest.approx(wilson(1.0, 20)[0])


@pytest.mark.parametrize("n", range(1, 60))
def test_none_right_begins_at_zero_and_all_right_ends_at_one(n: int) -> None:
    assert wilson(0.0, n)[0] == 0
    assert wilson(1.0, n)[1] == 1


def test_the_bootstrap_covers_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(3), 0
    for trial in range(200):
        sample = rng.normal(1.0, 2.0, 60)
        low, high = bootstrap([sample, np.ones(60)], range(60), ratio, seed=trial)
        hits += low <= 1.0 <= high
    assert 0.90 <= hits / 200 <= 0.99


def test_a_weighted_mean_is_over_tokens() -> None:
    found = mean("kl", "quality", [1.0, 4.0], weights=[3.0, 1.0])
    assert found.value == pytest.approx(1.75)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 1.75 <= found.high


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_has_no_value(bad: float) -> None:
    found = mean("kl", "quality", [1.0, bad])
    assert found.value is None
    assert not found.measured
    assert rate("win", "alignment", []).value is None


def test_a_value_by_definition_is_certain() -> None:
    found = fixed("win", "alignment", 0.5, 3, ["a", "b", "a"])
    assert (found.low, found.high, found.items, found.categories) == (0.5, 0.5, (0.5,) * 3, ("a", "b", "a"))
