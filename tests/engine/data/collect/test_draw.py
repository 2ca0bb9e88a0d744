from __future__ import annotations

from collections import Counter
from random import Random

from engine.data.collect.draw import draw, draw_prompts
from engine.data.plan import Plan
from engine.data.task import Prompt

POOL = [Prompt(f"p {i}", "home" if i % 4 else "office") for i in range(40)]


def test_drawing_takes_each_once_before_any_twice() -> None:
    counts = Counter(draw(Random(0), range(5), 12))
    assert set(counts.values()) == {2, 3}
    assert draw(Random(0), [], 5) == []


def test_a_plan_adds_prompts_of_its_category_and_changes_none_of_the_usual() -> None:
    usual = draw_prompts(Random(1), POOL, 12, Plan())
    asked = draw_prompts(Random(1), POOL, 12, Plan({"office": 6}))
    assert asked[:12] == usual
    assert [(prompt.category, targeted) for prompt, targeted in asked[12:]] == [("office", True)] * 6


def test_a_plan_without_a_category_adds_any_and_variety_is_no_target() -> None:
    asked = draw_prompts(Random(1), POOL, 8, Plan({"": 5}, wider=4))
    assert [targeted for _, targeted in asked] == [False] * 12 + [True] * 5
    assert len({prompt.text for prompt, _ in asked[:12]}) == 12
