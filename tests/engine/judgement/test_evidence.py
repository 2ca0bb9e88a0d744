from __future__ import annotations

import random
from itertools import pairwise

import pytest

from engine.judgement.evidence import (
    Finding,
    difference,
    drop,
    exceeds,
    falls_short,
    holm,
    interval,
    level,
    wilson,
)
from engine.records import Metric
from tests.fixtures.tables import cell_metric, right


def flipped(before: list[float], lost: int, won: int) -> list[float]:
    """`before` with its first right items lost and its first wrong ones won."""
    after = list(before)
    losers = [place for place, item in enumerate(before) if item == 1][:lost]
    winners = [place for place, item in enumerate(before) if item == 0][:won]
    for place in losers:
        after[place] = 0.0
    for place in winners:
        after[place] = 1.0
    return after


@pytest.mark.parametrize(
    ("lost", "won", "p"),
    [(5, 0, 1 / 32), (0, 5, 1.0), (0, 0, 1.0), (4, 1, 6 / 32), (10, 2, 79 / 4096)],
)
def test_mcnemar_is_the_exact_binomial_tail(lost: int, won: int, p: float) -> None:
    before = right(50, 100)
    finding = drop(cell_metric("gsm8k", flipped(before, lost, won)), cell_metric("gsm8k", before))
    assert finding.p == pytest.approx(p)
    assert f"exact McNemar, 100 paired items: {lost} lost, {won} won" in finding.test


def test_pairing_finds_what_two_separate_samples_cannot() -> None:
    before = right(500, 1000)
    after = flipped(before, 20, 0)
    paired = drop(cell_metric("gsm8k", after), cell_metric("gsm8k", before))
    unpaired = drop(cell_metric("gsm8k", (0.48, 1000)), cell_metric("gsm8k", (0.50, 1000)))
    assert paired.p is not None
    assert unpaired.p is not None
    assert paired.p < 1e-5 < 0.1 < unpaired.p


def test_items_that_do_not_pair_up_are_compared_unpaired() -> None:
    finding = drop(cell_metric("gsm8k", right(40, 100)), cell_metric("gsm8k", right(45, 90)))
    assert "unpaired" in finding.test


def test_scores_are_bootstrapped_by_prompt_the_same_each_time() -> None:
    noise = random.Random(1)
    before = [noise.random() for _ in range(200)]
    after = [score - 0.05 + noise.gauss(0, 0.1) for score in before]
    first, second = (drop(cell_metric("gsm8k", after), cell_metric("gsm8k", before)) for _ in range(2))
    assert first == second
    assert first.p is not None
    assert first.p < 0.001
    assert "bootstrap paired by prompt, 200 prompts" in first.test
    improved = drop(cell_metric("gsm8k", before), cell_metric("gsm8k", after))
    assert improved.p is not None
    assert improved.p > 0.99


def test_samples_that_share_a_prompt_weigh_less() -> None:
    noise = random.Random(2)
    per_prompt = [noise.choice([0.0, 1.0]) for _ in range(40)]
    items = tuple(win for win in per_prompt for _ in range(4))
    before = Metric("win_rate_vs_baseline", 0.5, "alignment", 160, 0.5, 0.5, (0.5,) * 160)
    rate = sum(items) / 160
    independent = Metric("win_rate_vs_baseline", rate, "alignment", 160, *wilson(rate, 160), items)
    clustered = Metric("win_rate_vs_baseline", rate, "alignment", 160, *wilson(rate, 40), items)
    alone, together = drop(independent, before), drop(clustered, before)
    assert alone.p is not None
    assert together.p is not None
    assert abs(together.p - 0.5) < abs(alone.p - 0.5)
    assert "samples that share a prompt" in together.test


def test_thousands_of_scored_prompts_need_no_resampling() -> None:
    noise = random.Random(3)
    before = [noise.random() for _ in range(20_000)]
    finding = drop(cell_metric("mmlu", [score - 0.01 for score in before]), cell_metric("mmlu", before))
    assert finding.p == pytest.approx(0)
    assert "z of the paired differences" in finding.test


def test_a_value_alone_is_too_few_samples() -> None:
    finding = drop(cell_metric("gsm8k", 0.3), cell_metric("gsm8k", 0.4))
    assert (finding.evidence, finding.p) == ("too_few_samples", None)
    assert falls_short(cell_metric("win_rate_vs_baseline", 0.5), 0.55).evidence == "too_few_samples"


def test_n_of_one_side_stands_for_both_as_the_items_are_the_same() -> None:
    finding = drop(cell_metric("gsm8k", (0.3, 1319)), cell_metric("gsm8k", 0.4))
    assert finding.p is not None
    assert finding.p < 1e-6
    assert "n = 1319" in finding.test


def test_a_handful_of_items_is_too_few_unless_the_test_is_sure_all_the_same() -> None:
    few = drop(cell_metric("gsm8k", right(3, 12)), cell_metric("gsm8k", right(5, 12)))
    assert holm({"gsm8k": few}, 0.05)["gsm8k"].evidence == "too_few_samples"
    sure = drop(cell_metric("gsm8k", right(0, 12)), cell_metric("gsm8k", right(12, 12)))
    assert holm({"gsm8k": sure}, 0.05)["gsm8k"].evidence == "confirmed"


def test_holm_stops_at_the_first_that_it_cannot_reject() -> None:
    family = {
        name: Finding("suspected", p, "", 100) for name, p in (("a", 0.01), ("b", 0.03), ("c", 0.04), ("d", 0.005))
    }
    weighed = holm(family, 0.05)
    assert {name for name, finding in weighed.items() if finding.evidence == "confirmed"} == {"a", "d"}


def test_holm_leaves_out_what_could_not_be_tested() -> None:
    weighed = holm({"a": Finding("suspected", 0.04, "", 100), "b": Finding("too_few_samples")}, 0.05)
    assert [weighed[name].evidence for name in "ab"] == ["confirmed", "too_few_samples"]


@pytest.mark.parametrize(
    ("rate", "n", "low", "high"),
    [(0.5, 100, 0.4038, 0.5962), (0.0, 10, 0.0, 0.2775), (1.0, 10, 0.7225, 1.0), (0.9, 20, 0.6990, 0.9721)],
)
def test_wilson_interval(rate: float, n: int, low: float, high: float) -> None:
    assert wilson(rate, n) == pytest.approx((low, high), abs=1e-4)


def test_an_interval_is_the_recorded_one_else_wilson_else_the_means() -> None:
    assert interval(Metric("win_rate_vs_baseline", 0.6, "alignment", 50, 0.5, 0.7)) == (0.5, 0.7)
    assert interval(cell_metric("win_rate_vs_baseline", (0.6, 50))) == wilson(0.6, 50)
    low, high = interval(cell_metric("kl_divergence", [0.1, 0.2, 0.3, 0.2])) or (0.0, 0.0)
    assert low < 0.2 < high
    assert interval(cell_metric("kl_divergence", (0.2, 50))) is None
    assert interval(cell_metric("win_rate_vs_baseline", None)) is None


def test_a_single_value_is_confirmed_by_its_whole_interval() -> None:
    over = Metric("kl_divergence", 0.15, low=0.12, high=0.18)
    assert exceeds(over, 0.1).evidence == "confirmed"
    assert exceeds(over, 0.13).evidence == "suspected"
    assert exceeds(Metric("kl_divergence", 0.15), 0.1).evidence == "suspected"
    assert falls_short(cell_metric("win_rate_vs_baseline", (0.4, 805)), 0.55).evidence == "confirmed"
    assert falls_short(cell_metric("win_rate_vs_baseline", (0.54, 805)), 0.55).evidence == "suspected"


def test_a_run_spends_its_error_over_the_looks_it_plans() -> None:
    assert level(0.95, 5) == pytest.approx(0.01)
    assert level(0.95, None) == pytest.approx(0.01)
    assert level(0.95, 1) == pytest.approx(0.05)
    assert level(0.95, 0) == pytest.approx(0.05)


def noisy(before: list[float], noise: random.Random, lost: float) -> list[float]:
    """Another look at the same items: the wrong ones are got right, and the right ones lost, at random."""
    won = 0.05 * 0.42 / 0.58  # as many as 5 % of the right ones lose, when 42 % are right
    return [1.0 - item if noise.random() < (lost if item else won) else item for item in before]


def test_no_true_change_is_rarely_confirmed_and_a_tenth_lost_nearly_always() -> None:
    """1,319 items of which 42 % are right, 200 runs' single look at α = 0.01; see also tests/bench."""
    noise, alarms, hits = random.Random(4), 0, 0
    for _ in range(200):
        before = [float(noise.random() < 0.42) for _ in range(1319)]
        start = cell_metric("gsm8k", before)
        alarms += (drop(cell_metric("gsm8k", noisy(before, noise, 0.05)), start).p or 0) <= 0.01
        hits += (drop(cell_metric("gsm8k", noisy(before, noise, 0.15)), start).p or 0) <= 0.01
    assert alarms <= 7
    assert hits >= 190


def test_a_run_without_an_end_never_spends_more_than_all_its_alpha() -> None:
    looks = [level(0.95, None, look) for look in range(1, 10_000)]
    assert looks[0] == pytest.approx(0.025)
    assert all(later < earlier for earlier, later in pairwise(looks))
    assert 0.0499 < sum(looks) <= 0.05
    assert level(0.95, 5, 3) == pytest.approx(0.01)
    assert level(0.95, 5, among=4) == pytest.approx(0.0025)


def test_scores_far_apart_can_be_confirmed_in_a_large_family() -> None:
    noise = random.Random(4)
    before = [noise.random() for _ in range(200)]
    after = [score - 0.1 + noise.gauss(0, 0.1) for score in before]
    p = drop(cell_metric("gsm8k", after), cell_metric("gsm8k", before)).p
    assert p is not None
    assert p < 0.05 / 5 / 57  # a level below one of 2,000 resamples, as 57 subjects of MMLU have


def test_a_difference_is_paired_where_there_are_items() -> None:
    before, after = cell_metric("gsm8k", right(50, 100)), cell_metric("gsm8k", right(40, 100))
    moved, error, how = difference(after, before) or (0.0, 0.0, "")
    assert (moved, how) == (pytest.approx(-0.1), "paired")
    assert error == pytest.approx((0.09 / 99) ** 0.5)
    moved, wider, how = difference(cell_metric("gsm8k", (0.4, 100)), cell_metric("gsm8k", (0.5, 100))) or (0, 0, "")
    assert (moved, how) == (pytest.approx(-0.1), "unpaired")
    assert wider > 2 * error
    assert difference(cell_metric("gsm8k", 0.4), before) is None
