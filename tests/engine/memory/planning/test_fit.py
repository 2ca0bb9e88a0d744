"""`auto: fit` takes the cheapest settings that do, proves them, and leaves what is learned alone."""

from __future__ import annotations

from itertools import combinations

import pytest

from engine.config import RunConfig, override, parse_config
from engine.errors import UsageError
from engine.memory.planning.fit import fit, fit_run
from engine.memory.planning.knobs import Option, options
from engine.memory.planning.room import Room, Rooms
from engine.records import GIB
from tests.engine.memory.planning.formula import Formula

CONFIG = parse_config("""
model: {name: a/b, quantization: nf4, double_quant: false, lora_r: 16, lora_alpha: 32}
training: {batch_size: 2, accumulation: 8, max_length: 512}
data: {source: file, path: pairs.jsonl}
evaluation: {batch_size: 64}
""")
NEEDS = Formula()(CONFIG).capacity


def cheapest(limit: int) -> float:
    """The least price of all sets that fit, by trying every one."""

    def capacity(chosen: tuple[Option, ...]) -> int:
        config: RunConfig = CONFIG
        for option in chosen:
            config = option.apply(config)
        return Formula()(config).capacity

    kept = [option for option in options(CONFIG) if option.keeps]
    sets = [chosen for size in range(len(kept) + 1) for chosen in combinations(kept, size)]
    alone = [chosen for chosen in sets if len({option.knob for option in chosen}) == len(chosen)]
    alone.sort(key=lambda chosen: sum(option.price for option in chosen))
    return next(sum(option.price for option in chosen) for chosen in alone if capacity(chosen) <= limit)


def test_what_fits_is_left_as_it_is() -> None:
    simulate = Formula()
    fitted = fit(CONFIG, NEEDS, simulate)
    assert (fitted.config, fitted.chosen, len(simulate.calls)) == (CONFIG, (), 1)


@pytest.mark.parametrize("less", [0.05, 0.6, 1.4, 4.0])
def test_the_cheapest_set_is_taken(less: float) -> None:
    limit, simulate = NEEDS - int(less * GIB), Formula()
    fitted = fit(CONFIG, limit, simulate)
    assert fitted.plan.capacity <= limit
    assert Formula()(fitted.config).capacity == fitted.plan.capacity
    assert sum(option.price for option in fitted.chosen) == pytest.approx(cheapest(limit))
    assert len(simulate.calls) < 30


@pytest.mark.parametrize("less", [0.6, 4.0])
def test_what_is_learned_stays(less: float) -> None:
    config = fit(CONFIG, NEEDS - int(less * GIB), Formula()).config
    before, after = CONFIG.training, config.training
    assert after.batch_size * after.accumulation == before.batch_size * before.accumulation
    assert after.max_length == before.max_length
    assert (config.model.lora_r, config.model.quantization) == (16, "nf4")
    assert config.evaluation.prompts == CONFIG.evaluation.prompts


def test_where_it_cannot_it_says_how_close_it_came_and_what_would_do() -> None:
    with pytest.raises(UsageError) as caught:
        fit(CONFIG, int(2.05 * GIB), Formula())
    words = str(caught.value)
    assert "cannot make this run fit 2.05 GiB" in words
    assert "it still needs 2." in words
    assert "training: {max_length: 384}" in words
    assert "or a card of 4 GiB" in words


def test_where_nothing_would_do_it_says_that() -> None:
    with pytest.raises(UsageError, match="or a card of 4 GiB") as caught:
        fit(CONFIG, GIB // 2, Formula())
    assert "would do" not in caught.value.remedy


def room(gib: float, free: float | None = None) -> Room:
    return Room("card", int(gib * GIB), int(gib * GIB), None if free is None else int(free * GIB))


def test_a_run_keeps_what_was_chosen_for_it_and_fits_with_room_to_spare() -> None:
    config, plan, words = fit_run(CONFIG, Rooms(asked=room(NEEDS / GIB)), Formula())
    assert plan == Formula()(config)
    assert plan.capacity <= 0.95 * NEEDS
    assert config.memory.chosen
    assert words.startswith(f"auto: fit chose {config.memory.chosen[0].partition(' (')[0]}")
    again, _, words = fit_run(config, Rooms(asked=room(NEEDS / GIB)), Formula())
    assert again == config
    assert "leaves the settings as they are, they fit the card" in words


def test_the_tighter_of_the_named_card_and_the_one_here_decides() -> None:
    tight = NEEDS / GIB
    alone, *_ = fit_run(CONFIG, Rooms(asked=room(100)), Formula())
    assert alone == CONFIG
    for rooms in (Rooms(asked=room(100), here=room(100, tight)), Rooms(asked=room(tight), here=room(100, 100))):
        assert Formula()(fit_run(CONFIG, rooms, Formula())[0]).capacity <= 0.95 * NEEDS


@pytest.mark.parametrize(("device", "rooms"), [("auto", Rooms(nothing_here="no card")), ("cpu", Rooms(room(1)))])
def test_without_a_card_nothing_is_changed_and_that_is_said(device: str, rooms: Rooms) -> None:
    config = override(CONFIG, [f"model.device={device}"])
    simulate = Formula()
    left, plan, words = fit_run(config, rooms, simulate)
    assert (left, plan) == (config, None)
    assert "leaves the settings as they are: " in words
    assert simulate.calls == []
