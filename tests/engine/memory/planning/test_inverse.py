"""The question turned round: answers that are proven by their neighbour, in few calls."""

from __future__ import annotations

import pytest

from engine.config import RunConfig, override, parse_config
from engine.memory.planning.families import FAMILIES, Member, family_of
from engine.memory.planning.inverse import FINE, largest_batch, largest_member, limits, longest_sequence
from engine.records import GIB
from tests.engine.memory.planning.formula import Formula

CONFIG = parse_config(
    "model: {name: Qwen/Qwen2.5-7B-Instruct, quantization: nf4, gradient_checkpointing: true}\n"
    "training: {batch_size: 2, max_length: 1024}\nevaluation: {batch_size: 4}"
)


def capacity(config: RunConfig, *assignments: str) -> int:
    return Formula()(override(config, assignments)).capacity


@pytest.mark.parametrize("gib", [4, 6, 8, 12, 24])
def test_one_step_further_would_not_fit(gib: int) -> None:
    for find, key, step in ((longest_sequence, "max_length", 64), (largest_batch, "batch_size", 1)):
        simulate = Formula()
        found = find(CONFIG, gib * GIB, simulate)
        assert found is not None
        further = found + max(step, found // FINE // step * step)
        assert capacity(CONFIG, f"{key}={found}") <= gib * GIB < capacity(CONFIG, f"{key}={further}")
        assert len(simulate.calls) <= 5


def test_where_nothing_fits_there_is_no_answer() -> None:
    found = limits(CONFIG, GIB, Formula())
    assert (found.max_length, found.batch_size, found.model) == (None, None, None)


def test_a_search_ends_at_what_the_model_knows_and_says_so() -> None:
    member = FAMILIES["Qwen2.5"][0].put_into(CONFIG)
    shape = member.model.architecture.model_copy(update={"max_position_embeddings": 4096})  # type: ignore[union-attr]
    known = member.model_copy(update={"model": member.model.model_copy(update={"architecture": shape})})
    found = limits(known, 10_000 * GIB, Formula())
    assert (found.max_length, found.batch_size) == (4096, 1024)
    assert found.capped == ("max_length", "batch_size")


def test_the_largest_of_the_family_that_fits() -> None:
    for gib in (4, 8, 16, 40):
        name, member = largest_member(CONFIG, gib * GIB, Formula())
        fitting = [one for one in FAMILIES["Qwen2.5"] if Formula()(one.put_into(CONFIG)).capacity <= gib * GIB]
        assert name == "Qwen2.5"
        assert member == (fitting[-1] if fitting else None)


def test_a_family_is_known_by_name_or_else_by_architecture() -> None:
    assert family_of(parse_config("model: {name: org/My-Llama-3.1-8B-tuned}"))[0] == "Llama 3"
    assert family_of(FAMILIES["Qwen3"][0].put_into(parse_config("")))[0] == "Qwen3"
    other = FAMILIES["SmolLM2"][0].put_into(parse_config(""))
    renamed = other.model_copy(update={"model": other.model.model_copy(update={"name": "mine"})})
    assert family_of(renamed)[0] == "Llama 3"
    assert family_of(parse_config("")) == ("", ())
    assert limits(parse_config(""), 100 * GIB, Formula()).model is None


# The parameter counts that the models' pages on the hub give.
PUBLISHED = {
    "Qwen/Qwen2.5-0.5B-Instruct": 494_032_768,
    "Qwen/Qwen2.5-1.5B-Instruct": 1_543_714_304,
    "Qwen/Qwen2.5-3B-Instruct": 3_085_938_688,
    "Qwen/Qwen2.5-7B-Instruct": 7_615_616_512,
    "Qwen/Qwen2.5-14B-Instruct": 14_770_033_664,
    "Qwen/Qwen2.5-32B-Instruct": 32_763_876_352,
    "Qwen/Qwen2.5-72B-Instruct": 72_706_203_648,
    "Qwen/Qwen3-0.6B": 596_049_920,
    "Qwen/Qwen3-1.7B": 1_720_574_976,
    "Qwen/Qwen3-4B": 4_022_468_096,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "Qwen/Qwen3-14B": 14_768_307_200,
    "Qwen/Qwen3-32B": 32_762_123_264,
    "meta-llama/Llama-3.2-1B-Instruct": 1_235_814_400,
    "meta-llama/Llama-3.2-3B-Instruct": 3_212_749_824,
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
    "meta-llama/Llama-3.1-70B-Instruct": 70_553_706_496,
    "HuggingFaceTB/SmolLM2-135M-Instruct": 134_515_008,
    "HuggingFaceTB/SmolLM2-360M-Instruct": 361_821_120,
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": 1_711_376_384,
}


def parameters(member: Member) -> int:
    vocabulary, hidden, width, layers, heads, groups, head = member.shape
    attention = 2 * hidden * heads * head + 2 * hidden * groups * head
    biases = (heads + 2 * groups) * head if member.model_type == "qwen2" else 0
    norms = 2 * hidden + (2 * head if member.model_type == "qwen3" else 0)
    embeddings = vocabulary * hidden * (1 if member.tied else 2)
    return embeddings + layers * (attention + biases + norms + 3 * hidden * width) + hidden


def test_a_members_numbers_give_the_parameters_that_are_published() -> None:
    counted = {member.name: parameters(member) for members in FAMILIES.values() for member in members}
    assert counted == PUBLISHED


def test_families_go_from_small_to_large() -> None:
    for members in FAMILIES.values():
        assert list(members) == sorted(members, key=parameters)
