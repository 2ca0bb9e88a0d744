"""Every config that ships loads, says what it means to, and the files that it names are there and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import load_config
from engine.data.probes import load_probe

ROOT = Path(__file__).parents[3]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_loads_and_its_probes_are_whole(path: Path) -> None:
    config = load_config(path)
    assert config.budget.iterations is not None
    for probe in config.evaluation.probes:
        assert len(load_probe(ROOT / probe, chat=True).questions) >= 60


def test_the_scenarios_are_there_and_overshoot_pushes_harder() -> None:
    steady, overshoot = (load_config(ROOT / "configs" / f"demo-{name}.yaml") for name in ("steady", "overshoot"))
    assert steady.model.name == overshoot.model.name == "demo"
    assert steady.training.beta > overshoot.training.beta
    assert steady.training.learning_rate < overshoot.training.learning_rate
    assert steady.thresholds == overshoot.thresholds


def test_no_place_of_the_right_answer_is_favoured() -> None:
    """A model that always takes the first choice must not look clever."""
    probe = load_probe(ROOT / "configs/probes/common_knowledge.jsonl", chat=False)
    places = [question.choices.index(question.answer) for question in probe.questions]
    assert {len(question.choices) for question in probe.questions} == {4}
    assert all(10 <= places.count(place) <= 20 for place in range(4))
