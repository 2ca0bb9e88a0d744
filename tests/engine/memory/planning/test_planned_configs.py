"""Every config that names a card in its file fits that card, with room to spare, by the real simulator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.config import load_config, parse_config
from engine.errors import PlanError
from engine.memory.planning.cards import find_card
from engine.memory.planning.families import FAMILIES
from engine.memory.planning.room import MARGIN, room_on
from engine.memory.planning.run import Simulator
from engine.records import GIB

SHIPPED = sorted((Path(__file__).parents[4] / "configs").glob("*gib.yaml"))
NUMBERS = "vocab_size: 100, hidden_size: 64, intermediate_size: 96, num_hidden_layers: 2, num_attention_heads: 4"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One process for all of them, and a cache of its own: an earlier answer must not stand in for this one."""
    with pytest.MonkeyPatch.context() as environment, Simulator() as found:
        environment.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield found


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
def test_it_fits_its_card_with_room_to_spare(path: Path, simulator: Simulator) -> None:
    config = load_config(path)
    plan = simulator.simulate(config, quick=True)
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
def test_a_model_that_cannot_be_built_is_told_with_what_would_do(
    model: str, words: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PlanError) as caught:
        simulator.simulate(parse_config(f"model: {{{model}}}"), quick=True)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.slow
def test_a_model_that_brings_code_is_refused(tmp_path: Path, simulator: Simulator) -> None:
    (tmp_path / "config.json").write_text(
        '{"model_type": "mine", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}'
    )
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(PlanError, match="code of its own, which is not run"):
        simulator.simulate(parse_config(f"model: {{name: {tmp_path}}}"), quick=True)
    assert not (tmp_path / "ran").exists()
