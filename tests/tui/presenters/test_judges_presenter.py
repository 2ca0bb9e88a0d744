from __future__ import annotations

from dataclasses import replace

from engine.records import HELD_OUT_JUDGE, TRAINING_JUDGE, Assessment, Iteration, Metric, Proposal, Verdict, Weakness
from tui.presenters.judges import judges_title

RAMP = "▁▄█"
PART = Weakness("over_optimisation", HELD_OUT_JUDGE, 0.2, 0.0, "high", "confirmed")


def line(*scores: tuple[float, float | None], parents: tuple[int | None, ...] = (None, 0, 1)) -> list[Iteration]:
    found = []
    for index, ((training, held_out), parent) in enumerate(zip(scores, parents, strict=False)):
        both = {TRAINING_JUDGE: training, HELD_OUT_JUDGE: held_out}
        metrics = {name: Metric(name, value, "alignment", 8) for name, value in both.items() if value is not None}
        found.append(Iteration(index, parent, "done", {}, metrics))
    return found


def test_without_a_second_judge_the_title_is_one_word() -> None:
    assert judges_title(tuple(line((0.1, None), (0.2, None))), RAMP).plain == "iterations"
    assert judges_title((), RAMP).plain == "iterations"


def test_both_judges_are_drawn_and_where_they_part_is_said() -> None:
    together = line((-0.5, 0.1), (0.0, 0.2), (0.5, 0.3))
    assert judges_title(tuple(together), RAMP).plain == "iterations · judge ▁▄█ 0.500 ▲ · held out ▁▄█ 0.300 ▲"
    apart = line((-0.5, 0.1), (0.0, 0.3), (0.5, 0.2))
    said = judges_title(tuple(apart), RAMP).plain
    assert said == "iterations · judge ▁▄█ 0.500 ▲ · held out ▁█▄ 0.200 ▼ · apart"


def test_arrows_are_from_the_parent_and_not_from_whatever_came_before() -> None:
    rolled_back = line((-0.5, 0.1), (0.5, 0.0), (0.2, 0.2), parents=(None, 0, 0))
    assert "0.200 ▲ · held out" in judges_title(tuple(rolled_back), RAMP).plain


def test_what_the_gate_is_sure_of_is_said_louder() -> None:
    first, second, third = line((-0.5, 0.1), (0.0, 0.3), (0.5, 0.2))
    judged = replace(third, assessment=Assessment(2, (PART,), Verdict("rollback", 1), Proposal(1)))
    assert judges_title((first, second, judged), RAMP).plain.endswith(" · apart, confirmed")
