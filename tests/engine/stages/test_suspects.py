"""The noise check in its stage: who is asked, what is told, what is left out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from engine.config import RunConfig, parse_config
from engine.data.task import Pair
from engine.models.resident import Resident
from engine.stages.suspects import find_suspects

GOOD, BAD = " hello , please reset it .", " ugh , whatever , ugh , whatever ."


@dataclass
class Quiet:
    """A helm and a story that remember what they were told."""

    told: list[tuple[int, int]] = field(default_factory=list)

    def progress(self, done: int, total: int) -> None:
        self.told.append((done, total))


@dataclass
class Desk:
    """As much of a job as the check asks for."""

    config: RunConfig
    resident: Resident
    seed: int = 0
    helm: Quiet = field(default_factory=Quiet)
    said: list[str] = field(default_factory=list)

    def say(self, kind: str, text: str, level: str = "info") -> None:
        self.said.append(text)


def desk(resident: Resident, check: str, by: str = "model") -> Any:
    return Desk(parse_config(f"data: {{noise_check: {check}, noise_by: {by}}}"), resident)


@pytest.fixture
def recorded(pairs: list[Pair]) -> tuple[list[Pair], set[str]]:
    """Eighty pairs with one label in ten turned round, and which."""
    rng = Random(4)
    found = [
        Pair(f"{pairs[i % 32].prompt} {i}", GOOD + " thanks ." * rng.randint(0, 2), BAD, source="file")
        for i in range(80)
    ]
    turned = [replace(pair, chosen=pair.rejected, rejected=pair.chosen) for pair in found[::10]]
    found[::10] = turned
    return found, {pair.id for pair in turned}


def test_the_turned_labels_are_named_and_no_other(resident: Resident, recorded: tuple[list[Pair], set[str]]) -> None:
    given, turned = recorded
    job = desk(resident, "report")
    found = find_suspects(job, given)
    assert set(found) == turned
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert job.said[0] == "8 of 80 recorded labels look wrong"
    assert job.helm.told[-1] == (160, 160)
    by_texts = desk(resident, "report", "texts")
    assert set(find_suspects(by_texts, given)) == turned
    assert by_texts.helm.told == [], "the model is asked nothing"


def test_none_asks_nothing_and_only_recorded_pairs_are_asked(
    resident: Resident, recorded: tuple[list[Pair], set[str]]
) -> None:
    given, _ = recorded
    assert find_suspects(desk(resident, "none"), given) == {}
    sampled = [replace(pair, source="on policy") for pair in given]
    job = desk(resident, "report")
    assert find_suspects(job, sampled) == {}
    assert job.helm.told == []
