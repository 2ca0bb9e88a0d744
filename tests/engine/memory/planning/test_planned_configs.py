"""Every config that names a card in its file fits that card, with room to spare, by the real simulator."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from engine.config import RunConfig, load_config, parse_config
from engine.errors import PlanError
from engine.memory.planning.cards import find_card
from engine.memory.planning.families import FAMILIES
from engine.memory.planning.room import MARGIN, room_on
from engine.records import GIB, Plan

SHIPPED = sorted((Path(__file__).parents[4] / "configs").glob("*gib.yaml"))
NUMBERS = "vocab_size: 100, hidden_size: 64, intermediate_size: 96, num_hidden_layers: 2, num_attention_heads: 4"


@pytest.fixture(scope="module", autouse=True)
def answers_are_no_garbage() -> Iterator[None]:
    """The simulator freezes what its answers leave, which is a process's own business: here it is thawed at the end."""
    yield
    gc.unfreeze()


def simulate(config: RunConfig) -> Plan:
    """The quick plan by the simulator's own lines of JSON, in this process: its imports are done. Raises PlanError."""
    from engine.simulation.__main__ import main

    answers = StringIO()
    main(StringIO(json.dumps({"config": config.model_dump(mode="json"), "quick": True}) + "\n"), answers)
    answer = json.loads(answers.getvalue().splitlines()[-1])
    if "fault" in answer:
        raise PlanError(answer["fault"], remedy=answer["remedy"])
    return Plan.parse(answer["plan"])


def test_there_is_one_for_each_size_of_card() -> None:
    cards = {re.search(r"(\d+)gib$", path.stem)[1] for path in SHIPPED}  # type: ignore[index]
    assert cards == {"8", "12", "16", "24"}
    for path in SHIPPED:
        assert load_config(path).memory.card == f"{path.stem.rpartition('-')[2].removesuffix('gib')}GiB"


def test_their_numbers_are_their_models() -> None:
    members = {member.name: member for family in FAMILIES.values() for member in family}
    for path in SHIPPED:
        model = load_config(path).model
        assert model.architecture is not None
        known = members[model.name].architecture().numbers()
        said = {name: value for name, value in model.architecture.numbers().items() if name in known}
        assert {**known, **said} == known


def test_a_step_is_sixteen_pairs_on_every_card() -> None:
    for path in SHIPPED:
        training = load_config(path).training
        assert training.batch_size * training.accumulation == 16


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_it_fits_its_card_with_room_to_spare(path: Path) -> None:
    config = load_config(path)
    plan = simulate(config)
    room = room_on(find_card(str(config.memory.card)))
    assert room.usable < room.total
    assert plan.capacity <= (1 - MARGIN) * room.usable
    assert plan.capacity > 0.4 * room.usable  # and is no config for a smaller one
    assert plan.peak.parts["weights"] > GIB / 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            f"architecture: {{model_type: lama, {NUMBERS}}}",
            "lama is no causal language model that is known\n  nearest: ",
        ),
        (f"architecture: {{model_type: t5, {NUMBERS}}}", "t5 is no causal language model that is known"),
        ("name: nobody/nothing", "give its numbers as model.architecture"),
    ],
)
def test_a_model_that_cannot_be_built_is_told_with_what_would_do(model: str, words: str) -> None:
    with pytest.raises(PlanError) as caught:
        simulate(parse_config(f"model: {{{model}}}"))
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.slow
def test_a_model_that_brings_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"model_type": "mine", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}'
    )
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(PlanError, match="code of its own, which is not run"):
        simulate(parse_config(f"model: {{name: {tmp_path}}}"))
    assert not (tmp_path / "ran").exists()
