"""Side by side: what is called better, worse, flat or inconclusive, and what the rules leave unjudged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.judgement import compare
from engine.judgement.compare import Comparison, Line, Step
from engine.records import KL, WIN_RATE, History, Metric, as_json
from tests.fixtures.tables import Cell, right, table, with_iteration

START: dict[str, Cell] = {"win": 0.5, "kl": 0.0}


def line(comparison: Comparison, name: str) -> Line:
    return next(each for each in comparison.lines if each.metric == name)


def steps(history: History, name: str, index: int) -> tuple[Step, Step]:
    point = line(compare(history), name).points[index]
    assert point.from_parent
    assert point.from_baseline
    return point.from_parent, point.from_baseline


def over(name: str, *cells: Cell) -> Line:
    return line(compare(table(*({**START, name: cell} for cell in cells))), {"win": WIN_RATE, "kl": KL}.get(name, name))


def test_deltas_are_to_parent_and_baseline_by_the_tree_not_by_order() -> None:
    rows = [{**START, "gsm8k": (value, 1319)} for value in (0.5, 0.3, 0.6)]
    parent, baseline = steps(table(*rows, parents=[None, 0, 0]), "gsm8k", 2)
    assert parent.delta == baseline.delta == pytest.approx(0.1)


def test_a_paired_loss_is_worse_and_names_its_test() -> None:
    rows = [{**START, "gsm8k": right(count, 200)} for count in (120, 118, 90)]
    parent, baseline = steps(table(*rows), "gsm8k", 2)
    assert (parent.mark, parent.evidence) == ("worse", "confirmed")
    assert baseline.test.startswith("exact McNemar, 200 paired items: 30 lost, 0 won")
    assert steps(table(*rows), "gsm8k", 1)[0].mark == "unsure"


def test_a_paired_gain_is_better() -> None:
    rows = [{**START, "gsm8k": right(count, 200)} for count in (90, 120)]
    assert steps(table(*rows), "gsm8k", 1)[1].mark == "better"


def test_lower_is_better_for_kl_and_its_baseline_is_not_judged() -> None:
    rows = [{"kl": [0.0] * 40}, {"kl": [0.1 + 0.001 * i for i in range(40)]}, {"kl": [0.01] * 40}]
    assert steps(table(*rows), KL, 2)[0].mark == "better"
    assert steps(table(*rows), KL, 2)[1].mark == "unjudged"


def test_a_win_rate_beats_the_baseline_where_its_interval_lies_above_one_half() -> None:
    assert steps(table(START, {**START, "win": (0.6, 805)}), WIN_RATE, 1)[1].mark == "better"
    assert steps(table(START, {**START, "win": (0.4, 805)}), WIN_RATE, 1)[1].mark == "worse"
    unsure = steps(table({"kl": 0}, {**START, "win": (0.6, 40)}), WIN_RATE, 1)[1]
    assert (unsure.mark, unsure.evidence) == ("unsure", "suspected")


def test_what_the_rules_do_not_know_is_shown_and_has_no_better_side() -> None:
    found = over("sparkle", *([value] * 50 for value in (0.1, 0.2, 0.3)))
    assert found.sense == "unknown"
    assert found.points[2].value == pytest.approx(0.3)
    assert found.course.trend == "rising"
    assert found.points[2].from_parent is not None
    assert found.points[2].from_parent.mark == "higher"


def test_values_alone_show_a_change_and_prove_none() -> None:
    found = over("gsm8k", 0.4, 0.3, 0.2)
    assert found.points[2].from_parent is not None
    assert (found.points[2].from_parent.mark, found.course.trend) == ("unsure", "inconclusive")
    assert "samples unknown" in found.course.why


@pytest.mark.parametrize(
    ("name", "cells", "trend"),
    [
        ("gsm8k", ((0.40, 1319), (0.45, 1319), (0.50, 1319)), "improving"),
        ("gsm8k", ((0.50, 1319), (0.45, 1319), (0.40, 1319)), "worsening"),
        ("gsm8k", ((0.40, 1319), (0.60, 1319), (0.42, 1319)), "uneven"),
        ("mmlu", ((0.591, 14042), (0.594, 14042), (0.590, 14042)), "flat"),
        ("gsm8k", ((0.40, 60), (0.41, 60), (0.42, 60)), "inconclusive"),
        ("gsm8k", ((0.40, 1319), (0.50, 1319)), "inconclusive"),
        ("gsm8k", (right(120, 300), right(120, 300), right(120, 300)), "flat"),
        ("perplexity", ([9.0] * 40, [8.0] * 40, [7.0] * 40), "improving"),
        ("perplexity", ([7.0] * 40, [8.0] * 40, [9.0] * 40), "worsening"),
        ("length", ([90.0] * 40, [120.0] * 40, [160.0] * 40), "rising"),
        ("length", ([90.0] * 40, [60.0] * 40, [30.0] * 40), "falling"),
    ],
)
def test_trends(name: str, cells: tuple[Cell, ...], trend: str) -> None:
    assert over(name, *cells).course.trend == trend


def test_the_baseline_is_left_out_of_a_trend_that_it_would_force() -> None:
    cells = (0.5, (0.62, 805), (0.625, 805), (0.62, 805))
    found = over("win", *cells)
    assert found.course.iterations == (1, 2, 3)
    assert found.course.trend != "improving"
    assert over("kl", 0.0, [0.05] * 40, [0.05] * 40, [0.05] * 40).course.trend == "flat"
    assert over("gsm8k", 0.4, 0.4, 0.4, 0.4).course.iterations == (0, 1, 2, 3)


def test_a_trend_follows_the_way_that_was_taken() -> None:
    rows = [{**START, "gsm8k": (value, 1319)} for value in (0.50, 0.20, 0.50, 0.51)]
    found = line(compare(table(*rows, parents=[None, 0, 0, 2])), "gsm8k")
    assert found.course.iterations == (0, 2, 3)
    assert found.course.trend != "uneven"


def test_without_evidence_bare_values_decide_and_it_is_said() -> None:
    rows = [{**START, "gsm8k": value} for value in (0.40, 0.41, 0.42)]
    found = compare(table(*rows, evidence=False))
    step = line(found, "gsm8k").points[2].from_parent
    assert not found.evidence
    assert step is not None
    assert (step.mark, step.evidence, line(found, "gsm8k").course.trend) == ("better", "off", "improving")


def test_a_number_that_is_missing_or_not_finite_is_neither_compared_nor_a_point() -> None:
    history = table(*({**START, "gsm8k": (0.4, 100)} for _ in range(3)))
    history = with_iteration(history, 1, metrics={"gsm8k": Metric("gsm8k", float("nan"), "capability", 100)})
    found = line(compare(history), "gsm8k")
    assert found.points[1].value is None
    assert found.points[2].from_parent is None
    assert found.course.iterations == (0, 2)


def test_an_empty_history_and_a_lone_baseline_compare_to_nothing() -> None:
    assert compare(History("none", ())).lines == ()
    lone = line(compare(table({**START, "gsm8k": (0.4, 100)})), "gsm8k")
    assert (lone.points[0].from_parent, lone.points[0].from_baseline) == (None, None)
    assert lone.course.trend == "inconclusive"


def test_a_running_iteration_is_not_compared_yet_and_all_is_plain_json() -> None:
    history = table(START, {**START, "win": (0.6, 100)})
    running = replace(history.iterations[1], index=2, parent=1, status="running", metrics={})
    found = compare(replace(history, iterations=(*history.iterations, running)))
    assert found.iterations == (0, 1)
    assert as_json(found)["lines"][0]["points"][1]["from_baseline"]["mark"] == "better"
