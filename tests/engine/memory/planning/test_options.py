"""Options are changes of a config, measured, and in an order that helps."""

from __future__ import annotations

import pytest

from engine.config import RunConfig, override, parse_config
from engine.memory.planning.knobs import PAIR_MEANS, options
from engine.memory.planning.options import measure, ranked
from engine.memory.planning.room import Room
from engine.records import GIB
from tests.engine.memory.planning.formula import Formula

QLORA = """
model: {name: a/b, quantization: nf4, double_quant: false, lora_r: 16, lora_alpha: 32}
training: {batch_size: 4, accumulation: 4, max_length: 1024}
data: {source: file, path: pairs.jsonl}
evaluation: {batch_size: 16}
"""
SAVED = """
model: {name: a/b, quantization: nf4, gradient_checkpointing: true, checkpoint_offload: true, embeddings_on_cpu: true,
        expandable_segments: true, lora_r: 4}
training: {batch_size: 1, max_length: 64, optimizer: adamw_8bit, precompute_reference: true}
evaluation: {batch_size: 1}
data: {source: file, path: pairs.jsonl}
"""


def room(gib: float) -> Room:
    return Room("card", int(gib * GIB), int(gib * GIB))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7, 8, 32])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_effective_batch_never_changes(size: int, steps: int) -> None:
    config = parse_config(f"training: {{batch_size: {size}, accumulation: {steps}}}")
    batches = [option.apply(config).training for option in options(config) if option.knob == "batch"]
    assert bool(batches) == (size > 1)
    for training in batches:
        assert training.batch_size < size
        assert training.batch_size * training.accumulation == size * steps


@pytest.mark.parametrize("text", ["", QLORA, SAVED])
def test_every_option_changes_the_config_and_its_yaml_says_how(text: str) -> None:
    config = parse_config(text)
    for option in options(config):
        changed = option.apply(config)
        assert changed != config
        pasted = parse_config(option.yaml.replace("} ", "}\n")).model_dump()
        for key, value in option.changes.items():
            section, leaf = key.split(".")
            assert pasted[section][leaf] == changed.model_dump()[section][leaf] == value


def test_what_is_saved_already_is_not_offered_again() -> None:
    assert options(parse_config(SAVED)) == []


def test_what_is_learned_changes_only_where_that_is_said() -> None:
    free = {option.knob for option in options(parse_config(QLORA)) if option.keeps}
    told = {option.knob for option in options(parse_config(QLORA)) if not option.keeps}
    assert told == {"length", "rank"}
    assert free >= {"batch", "optimizer", "checkpointing", "embeddings", "double quantisation", "evaluation"}
    assert "precision" in {option.knob for option in options(parse_config("model: {name: a/b}")) if not option.keeps}


def test_rank_keeps_its_scale() -> None:
    config = parse_config(QLORA)
    (halved,) = [option.apply(config).model for option in options(config) if option.knob == "rank"]
    assert halved.lora_alpha / halved.lora_r == config.model.lora_alpha / config.model.lora_r


def test_a_loss_that_looks_at_its_batch_is_not_cut_without_a_word() -> None:
    for loss, keeps in (("sigmoid", True), ("ipo", True), ("bco_pair", False), ("0.8*sigmoid + sft", False)):
        found = options(parse_config(f"training: {{batch_size: 4, loss_type: '{loss}'}}"))
        assert {option.keeps for option in found if option.knob == "batch"} == {keeps}


@pytest.mark.slow
def test_those_losses_are_the_ones_that_the_trainer_cuts_by_itself() -> None:
    from engine.stages.recovery.pairs import PAIR_MEANS as CUT

    assert CUT == PAIR_MEANS


def test_each_stage_of_rlhf_has_a_batch_of_its_own() -> None:
    config = parse_config("recipe: rlhf\ntraining: {batch_size: 8}\nsft: {batch_size: 4}\nreward: {batch_size: 2}")
    found = [option for option in options(config) if "batch" in option.knob]
    assert {option.knob for option in found} >= {"batch", "SFT batch", "reward batch"}
    for option in found:
        changed = option.apply(config)
        assert changed.ppo == config.ppo
        assert changed.training.accumulation == config.training.accumulation
        for before, after in ((config.sft, changed.sft), (config.reward, changed.reward)):
            assert before.batch_size * before.accumulation == after.batch_size * after.accumulation


def measured(config: RunConfig, gib: float) -> list[str]:
    simulate = Formula()
    base = simulate(config)
    return [saving.option.name for saving in ranked(measure(config, base, simulate), room(gib), base)]


def test_a_saving_is_the_difference_of_two_plans() -> None:
    config, simulate = parse_config(QLORA), Formula()
    base = simulate(config)
    told: list[str] = []
    savings = measure(config, base, simulate, tell=told.append)
    assert len(told) == len(savings) > 5
    for saving in savings:
        assert saving.saved == base.capacity - simulate(saving.option.apply(config)).capacity


def test_only_what_may_help_a_stage_that_matters_is_asked() -> None:
    config, simulate = parse_config(QLORA), Formula()
    base = simulate(config)
    both = {saving.option.knob for saving in measure(config, base, simulate, limit=GIB)}
    peak = {saving.option.knob for saving in measure(config, base, simulate, limit=base.capacity)}
    assert both - peak == {"evaluation"}
    slight = override(config, ["batch_size=1", "max_length=128", "evaluation.batch_size=640"])
    evaluated = {saving.option.knob for saving in measure(slight, simulate(slight), simulate)}
    assert "evaluation" in evaluated
    assert not evaluated & {"optimizer", "checkpointing", "reference"}
    assert {option.knob for option in options(config) if option.helps("ppo")} >= {"evaluation", "optimizer"}


def test_with_room_to_spare_the_largest_saving_leads() -> None:
    names = measured(parse_config(QLORA), 1000)
    assert names[0] == "gradient checkpointing, offloaded"
    assert "precomputed reference" not in names  # it saves nothing here
    assert not any(name.startswith("evaluation") for name in names)  # nor does what is not the peak


def test_over_the_card_the_cheapest_that_mends_it_leads() -> None:
    config, simulate = parse_config(QLORA), Formula()
    need = simulate(config).capacity / GIB
    assert measured(config, need - 0.05)[0] == "expandable segments"
    assert measured(config, need - 0.5)[0] == "embeddings on the CPU"


def test_a_harder_step_that_saves_no_more_is_left_out() -> None:
    evaluated = parse_config(QLORA, "run.yaml", ["evaluation.batch_size=6400", "batch_size=1"])
    names = [name for name in measured(evaluated, 1000) if name.startswith("evaluation")]
    assert names == ["evaluation batch 6400 → 400", "evaluation batch 6400 → 1600"]
    slight = parse_config(QLORA, "run.yaml", ["evaluation.batch_size=1600", "batch_size=4"])
    assert len([name for name in measured(slight, 1000) if name.startswith("evaluation")]) <= 1
