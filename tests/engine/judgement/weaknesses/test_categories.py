from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.judgement.weaknesses import find_weaknesses
from engine.records import Metric, Weakness
from tests.fixtures.tables import right, split, table

START = {"gsm8k": split("gsm8k", easy=right(60, 100), hard=right(60, 100))}


def gaps(metric: Metric, **frame: Any) -> list[Weakness]:
    history = table({}, {metric.name: metric}, **frame)
    return [weakness for weakness in find_weaknesses(history) if weakness.type == "category_gap"]


@pytest.mark.parametrize(("count", "fires"), [(45, False), (44, True), (0, True), (60, False), (90, False)])
def test_a_category_may_lie_fifteen_hundredths_below_the_rest(count: int, fires: bool) -> None:
    found = gaps(split("win_rate_vs_baseline", easy=right(60, 100), hard=right(count, 100)))
    if count == 90:
        assert [(weakness.category, weakness.severity) for weakness in found] == [("easy", "medium")]
    else:
        assert [(weakness.category, weakness.severity) for weakness in found] == [("hard", "medium")] * fires


def test_a_gap_carries_its_numbers() -> None:
    now = split("gsm8k", easy=right(70, 100), hard=right(30, 100))
    (weakness,) = (each for each in find_weaknesses(table(START, {"gsm8k": now})) if each.type == "category_gap")
    assert (weakness.metric, weakness.category, weakness.n) == ("gsm8k", "hard", 100)
    assert (weakness.value, weakness.baseline, weakness.parent) == (0.3, 0.6, 0.6)
    assert weakness.detail == "gsm8k 0.3 in hard, against 0.7 in the rest"
    assert weakness.evidence == "confirmed"
    assert weakness.test.startswith("Fisher's exact test, 100 items against 100 of the rest")


@pytest.mark.parametrize(
    ("easy", "hard", "evidence"),
    [
        (right(80, 100), right(30, 100), "confirmed"),
        (right(16, 25), right(12, 25), "suspected"),
        (right(14, 20), right(4, 8), "too_few_samples"),
        (right(200, 200), right(0, 10), "confirmed"),
    ],
)
def test_how_sure_a_gap_is(easy: list[float], hard: list[float], evidence: str) -> None:
    (weakness,) = gaps(split("task_accuracy", easy=easy, hard=hard))
    assert (weakness.category, weakness.evidence) == ("hard", evidence)


def test_fishers_p_is_that_of_the_lady_tasting_tea() -> None:
    """Of four right among eight, none in four by chance: 1/70 (Fisher 1935)."""
    (weakness,) = gaps(split("gsm8k", milk=right(4, 4), tea=right(0, 4)))
    assert weakness.p_value == pytest.approx(1 / 70)


def test_many_categories_ask_for_more_evidence() -> None:
    low = {"low": right(9, 30)}
    few = gaps(split("gsm8k", rest=right(21, 30), **low))
    many = gaps(split("gsm8k", **{f"subject{place:02}": right(21, 30) for place in range(40)}, **low))
    assert [weakness.evidence for weakness in few] == ["confirmed"]
    assert [(weakness.category, weakness.evidence) for weakness in many] == [("low", "confirmed")]
    near = {"low": right(13, 30)}
    assert gaps(split("gsm8k", **{f"subject{place:02}": right(21, 30) for place in range(40)}, **near))[0].evidence == (
        "suspected"
    )


def test_samples_that_share_a_prompt_count_for_less() -> None:
    metric = split("win_rate_vs_baseline", easy=right(60, 80), hard=right(40, 80))
    assert [weakness.evidence for weakness in gaps(metric)] == ["confirmed"]
    (weakness,) = gaps(replace(metric, low=0.4, high=0.85))
    assert weakness.evidence == "suspected"
    assert "samples that share a prompt" in weakness.test


def test_ties_count_half_and_only_ever_against_a_finding() -> None:
    (weakness,) = gaps(split("win_rate_vs_baseline", easy=[1.0] * 40, hard=[0.5] * 39 + [0.0]))
    assert weakness.value == pytest.approx(19.5 / 40)
    assert weakness.evidence == "confirmed"


def test_what_has_no_categories_or_is_no_rate_has_no_gap() -> None:
    halves = split("gsm8k", easy=right(90, 100), hard=right(10, 100))
    assert gaps(replace(halves, categories=None)) == []
    assert gaps(replace(halves, categories=halves.categories[:-1] if halves.categories else None)) == []
    assert gaps(replace(halves, value=None)) == []
    assert gaps(replace(halves, name="length", group="quality")) == []
    assert gaps(replace(halves, items=tuple(9 * item for item in halves.items or ()))) == []
    assert gaps(split("gsm8k", only=right(1, 50))) == []
    unnamed = replace(halves, categories=tuple(name.replace("hard", "") for name in halves.categories or ()))
    assert gaps(unnamed) == []


def test_bare_thresholds_are_labelled_so() -> None:
    found = gaps(split("gsm8k", easy=right(8, 10), hard=right(6, 10)), evidence=False)
    assert [(each.evidence, each.p_value, each.test) for each in found] == [("off", None, "bare threshold")]


def regressed(now: Metric, was: Metric, **frame: Any) -> list[tuple[str, str]]:
    found = find_weaknesses(table({"gsm8k": was}, {"gsm8k": now}, **frame))
    return [(each.category, each.evidence) for each in found if each.type == "capability_regression"]


def test_a_category_that_alone_is_lost_is_named() -> None:
    was = split("gsm8k", easy=right(280, 300), hard=right(60, 100))
    now = split("gsm8k", easy=right(290, 300), hard=right(35, 100))
    assert now.value is not None
    assert was.value is not None
    assert now.value / was.value > 0.95
    (weakness,) = (
        each
        for each in find_weaknesses(table({"gsm8k": was}, {"gsm8k": now}))
        if each.category == "hard"
        if each.type == "capability_regression"
    )
    assert (weakness.evidence, weakness.severity, weakness.against, weakness.n) == ("confirmed", "critical", 0, 100)
    assert weakness.detail == "gsm8k in hard 0.6 → 0.35: 58.33 % of the baseline, below 95 %"


def test_a_category_that_may_be_low_by_chance_is_not() -> None:
    was = split("gsm8k", easy=right(280, 300), hard=right(60, 100))
    assert regressed(split("gsm8k", easy=right(285, 300), hard=right(55, 100)), was) == []
    assert regressed(split("gsm8k", easy=right(290, 300), hard=right(35, 100)), was, evidence=False) == []


def test_a_loss_in_all_is_said_once() -> None:
    was = split("gsm8k", easy=right(280, 300), hard=right(60, 100))
    assert regressed(split("gsm8k", easy=right(200, 300), hard=right(30, 100)), was) == [("", "confirmed")]


def test_categories_that_do_not_pair_are_not_compared() -> None:
    was = split("gsm8k", hard=right(60, 100), easy=right(280, 300))
    assert regressed(split("gsm8k", easy=right(290, 300), hard=right(35, 100)), was) == []
