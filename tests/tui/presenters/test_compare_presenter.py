from __future__ import annotations

from engine.judgement import compare
from engine.judgement.compare import Comparison
from tests.fixtures.tables import table
from tui.presenters.compare import Look, about, compare_table, fitting, legend, spark, way

RAMP = "12345"
ROWS = [{"win": 0.5, "kl": 0.0, "gsm8k": (value, 1319), "sparkle": 3.0} for value in (0.5, 0.45, 0.4, 0.35)]


def scene(**how: object) -> Comparison:
    return compare(table(*ROWS, parents=[None, 0, 1, 1], **how))


def cells(comparison: Comparison, look: Look, width: int = 200) -> dict[str, dict[str, tuple[str, str]]]:
    shown = compare_table(comparison, look, width, RAMP)
    return {
        key: {column.key: tuple(cell) for column, cell in zip(shown.grid.columns, row, strict=True)}  # type: ignore[misc]
        for key, row in zip(shown.keys, shown.grid.rows, strict=True)
    }


def test_a_sure_change_has_its_colour_and_a_star() -> None:
    row = cells(scene(), Look())["gsm8k"]
    assert row["2"] == ("0.400 ▼ −0.050*", "bad")
    assert row["3"] == ("0.350 ▼ −0.100*", "bad")
    assert row["0"] == ("0.500", "dim")
    assert cells(scene(), Look("baseline"))["gsm8k"]["2"] == ("0.400 ▼ −0.100*", "bad")


def test_a_metric_that_the_rules_do_not_know_says_so() -> None:
    row = cells(scene(), Look())["sparkle"]
    assert row["metric"] == ("  sparkle (not judged)", "dim")
    assert "not judged" in about(scene(), "sparkle", 2, "parent")[0]
    assert about(scene(), "", 2, "parent") == ()


def test_a_trend_is_a_word_with_a_small_picture() -> None:
    assert cells(scene(), Look())["gsm8k"]["trend"] == ("541 worsening", "bad")
    assert (spark([1, 1], RAMP), spark([1], RAMP), spark([0, 1, 2], RAMP)) == ("33", "", "135")


def test_only_the_accepted_way() -> None:
    assert way(scene()) == (0, 1, 3)
    shown = compare_table(scene(), Look(way=True), 200, RAMP)
    assert [column.key for column in shown.grid.columns] == ["metric", "0", "1", "3", "trend"]


def test_a_window_keeps_the_baseline_and_says_what_lies_beyond() -> None:
    shown = compare_table(scene(), Look(first=2), 75, RAMP)
    assert [column.key for column in shown.grid.columns] == ["metric", "0", "2", "trend"]
    assert (shown.before, shown.after) == (1, 1)


def test_columns_that_fit() -> None:
    assert fitting([5, 5, 5, 5], 100, 1) == (0, 1, 2, 3)
    assert fitting([5, 5, 5, 5], 21, 1) == (0, 1, 2)
    assert fitting([5, 5, 5, 5], 21, 99) == (0, 2, 3)
    assert fitting([5, 50], 19, 1) == (0, 1)
    assert fitting([5], 19, 1) == (0,)
    assert fitting([], 19, 1) == ()


def test_without_evidence_no_star_and_a_label() -> None:
    bare = scene(evidence=False)
    assert cells(bare, Look())["gsm8k"]["2"] == ("0.400 ▼ −0.050 ", "bad")
    assert "evidence: off" in legend(bare, Look())
