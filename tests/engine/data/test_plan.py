from __future__ import annotations

from engine.config import parse_config
from engine.data.plan import Plan, read_plan
from engine.records import DataStep

DATA = parse_config("data: {prompts: 100, max_pairs: 400, mix: 0.1}").data
CATEGORIES = {"home", "office"}


def plan(*steps: DataStep) -> Plan:
    return read_plan(steps, DATA, CATEGORIES)


def test_no_steps_are_the_config() -> None:
    assert plan() == plan(DataStep("note", text="from an older ledger")) == Plan()


def test_a_category_is_asked_more_and_a_metric_is_anything() -> None:
    asked = plan(
        DataStep("collect", "home", 30), DataStep("collect", "win_rate_vs_baseline"), DataStep("collect", "x", 5)
    )
    assert asked.extra == {"home": 30, "": 30}


def test_holding_fixed_collects_nothing_beside() -> None:
    asked = plan(DataStep("hold"), DataStep("collect", "home", 30), DataStep("diversify"), DataStep("mix", "sums", 20))
    assert asked == Plan({}, mix=20, hold=True)


def test_mixing_in_by_the_config_where_the_step_does_not_say_how_much() -> None:
    assert plan(DataStep("mix", "sums")).mix == 40
    always = DATA.model_copy(update={"mix_always": True})
    assert read_plan((), always, CATEGORIES).mix == 40
    assert plan(DataStep("diversify")).wider == 50
