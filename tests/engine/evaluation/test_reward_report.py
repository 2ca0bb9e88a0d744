"""A reward model's report: figures that can be worked out by hand, and the words in which PPO is refused."""

from __future__ import annotations

import json
import math
import random

import pytest

from engine.errors import TrainingError
from engine.evaluation.intervals import wilson
from engine.evaluation.reward_report import Graded, RewardReport, require_accuracy, reward_metric, reward_report
from engine.records import as_json


def graded(*margins: float, longer: int = 0, gap: float | None = None, category: str = "") -> list[Graded]:
    return [Graded(margin, longer, gap, category, f"prompt {i}") for i, margin in enumerate(margins)]


def test_accuracy_is_the_share_of_positive_margins_and_a_tie_is_half() -> None:
    report = reward_report(graded(1.0, 2.0, -1.0, 0.0))
    assert report.accuracy.value == pytest.approx(2.5 / 4)
    assert (report.accuracy.low, report.accuracy.high) == pytest.approx(wilson(2.5 / 4, 4))
    assert report.accuracy.n == 4


def test_pairs_of_one_prompt_tell_less_than_pairs_of_many() -> None:
    alike = [Graded(1.0 if i < 60 else -1.0, 0, prompt=f"prompt {i // 10}") for i in range(100)]
    apart = graded(*(1.0 if i < 60 else -1.0 for i in range(100)))
    assert reward_report(alike).accuracy.low < reward_report(apart).accuracy.low
    assert reward_report(alike).accuracy.value == reward_report(apart).accuracy.value


def test_brier_and_likelihood_of_a_model_that_knows_nothing() -> None:
    report = reward_report(graded(*[0.0] * 8))
    assert report.brier == pytest.approx(0.25)
    assert report.nll == pytest.approx(math.log(2))
    assert report.ece == pytest.approx(0.0)


def test_brier_of_one_pair() -> None:
    assert reward_report(graded(2.0)).brier == pytest.approx((1 - 1 / (1 + math.exp(-2.0))) ** 2)


def test_a_model_that_is_too_sure_of_itself_is_told_by_calibration_and_temperature() -> None:
    """Right three times out of four: calibrated where it says so, wrong by a quarter where it says it is certain."""
    fair, sure = math.log(3), 20.0
    calibrated = reward_report(graded(*[fair, fair, fair, -fair] * 25))
    certain = reward_report(graded(*[sure, sure, sure, -sure] * 25))
    assert calibrated.ece == pytest.approx(0.0, abs=1e-9)
    assert calibrated.temperature == pytest.approx(1.0, rel=0.1)
    assert certain.ece == pytest.approx(0.25, abs=1e-6)
    assert certain.temperature == pytest.approx(10.0)  # the most that is tried


def test_extreme_margins_do_not_overflow() -> None:
    report = reward_report(graded(1e4, -1e4))
    assert math.isfinite(report.nll)
    assert report.brier == pytest.approx(0.5)


def test_length_bias_stands_beside_the_judges() -> None:
    """The model's margins are lengths; the judge's gaps have nothing to do with them."""
    lengths, gaps = (4, -4, 2, -2), (1.0, 1.0, 1.0, 1.0)
    pairs = [Graded(float(n), n, gap, prompt=str(n)) for n, gap in zip(lengths, gaps, strict=True)]
    report = reward_report(pairs)
    assert report.length == pytest.approx(1.0)
    assert report.judge_length == pytest.approx(0.0)
    assert (report.longer, report.judge_longer) == (1.0, 0.5)


def test_length_bias_is_unknown_where_lengths_do_not_differ_or_no_judge_gave_a_gap() -> None:
    report = reward_report(graded(1.0, -1.0))
    assert (report.length, report.judge_length, report.longer) == (None, None, None)


@pytest.mark.parametrize("seed", range(5))
def test_exchanging_the_sides_of_every_pair_turns_accuracy_round_and_leaves_the_length_bias(seed: int) -> None:
    rng = random.Random(seed)
    pairs = [Graded(rng.gauss(0.3, 1), rng.randint(-5, 5), prompt=str(i)) for i in range(60)]
    turned = [Graded(-pair.margin, -pair.longer, prompt=pair.prompt) for pair in pairs]
    one, other = reward_report(pairs), reward_report(turned)
    assert one.accuracy.value == pytest.approx(1 - other.accuracy.value)
    assert one.length == pytest.approx(other.length)


def test_labels_turned_round_tell_whether_the_model_learnt_the_noise() -> None:
    report = reward_report(graded(1.0), flipped=[1.0, 1.0, 1.0, -1.0])
    assert report.flipped is not None
    assert (report.flipped.value, report.flipped.n) == (0.75, 4)
    assert reward_report(graded(1.0)).flipped is None


def test_each_category_has_its_own_accuracy() -> None:
    report = reward_report([*graded(1.0, 1.0, category="safety"), *graded(1.0, -1.0, category="helpful")])
    assert {name: rate.value for name, rate in report.categories.items()} == {"helpful": 0.5, "safety": 1.0}


def test_the_metric_carries_its_items_and_categories_for_paired_tests() -> None:
    metric = reward_metric([*graded(1.0, -1.0, category="safety"), *graded(0.0, category="helpful")])
    assert (metric.name, metric.group) == ("reward_accuracy", "alignment")
    assert metric.items == (1.0, 0.0, 0.5)
    assert metric.categories == ("safety", "safety", "helpful")


def test_scores_that_are_no_numbers_are_a_failed_training_and_never_a_pass() -> None:
    broken = graded(1.0, math.nan)
    assert reward_metric(broken).value is None
    with pytest.raises(TrainingError, match="not finite"):
        reward_report(broken)


def test_a_report_comes_back_from_its_file_as_it_was() -> None:
    report = reward_report(graded(1.0, 2.0, -1.0, longer=2, gap=0.5, category="safety"), flipped=[1.0])
    assert RewardReport.parse(json.loads(json.dumps(as_json(report)))) == report


def test_ppo_is_refused_in_words_by_the_lower_bound_and_not_by_the_share() -> None:
    few, many = reward_report(graded(*[1.0, 1.0, -1.0] * 4)), reward_report(graded(*[1.0, 1.0, -1.0] * 100))
    require_accuracy(many, 0.55)
    with pytest.raises(TrainingError, match=r"PPO is refused: .* 66\.7% of 12 held-out pairs.*more than 55\.0%"):
        require_accuracy(few, 0.55)
