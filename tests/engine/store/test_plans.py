from dataclasses import replace

import pytest

from engine.records import Plan, StagePeak
from engine.store.paths import create_run
from engine.store.plans import read_plan, write_plan

PLAN = Plan("a/model", (StagePeak("collect", 5, 6, 7), StagePeak("dpo", 9, 12, 10, {"weights": 9}, "step")), 3, 1)

pytestmark = pytest.mark.usefixtures("runs")


def test_a_plan_comes_back_whole_and_is_replaced() -> None:
    paths = create_run("planned", "recipe: dpo\n")
    assert read_plan(paths) is None
    write_plan(paths, PLAN)
    assert read_plan(paths) == PLAN
    write_plan(paths, replace(PLAN, context=8))
    assert read_plan(paths) == replace(PLAN, context=8)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"model": 1, "stages": []}', '{"model": "m", "stages": [{"stage": 3}]}']
)
def test_a_plan_that_cannot_be_read_is_none(text: str) -> None:
    paths = create_run("broken", "recipe: dpo\n")
    paths.plan.write_text(text)
    assert read_plan(paths) is None
