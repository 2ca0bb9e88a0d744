from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from engine.config import parse_config
from engine.data.collect.constitution import Principle, load_constitution
from engine.data.collect.critique import critique_pairs, policy_critic
from engine.data.task import Pair, Prompt
from engine.errors import DataError
from engine.judges.base import ScoringJudge
from engine.models.generate import Completion
from engine.records import Content

DATA = parse_config("data: {min_gap: 1}").data
PROMPTS = [Prompt("one :", "home"), Prompt("two :", "home"), Prompt("three :", "home")]
POLITE = Principle("Be polite.", "manners")


class Politeness(ScoringJudge):
    name = "politeness"

    def score(self, prompt: str, completion: str) -> float:
        return float(completion.count("please"))


def writer(*answers: str, finished: bool = True):  # type: ignore[no-untyped-def]
    """A generator that gives these answers in turn, and keeps what it was asked."""
    asked: list[Content] = []

    def generate(prompts: Sequence[Content], **_: object) -> list[Completion]:
        start = len(asked)
        asked.extend(prompts)
        return [Completion(answers[(start + i) % len(answers)], (1,), finished) for i in range(len(prompts))]

    return generate, asked


def pairs(
    revisions: Sequence[str], principle: Principle = POLITE, answer: str = "no", whole: bool = True
) -> list[Pair]:
    said: list[list[str]] = []

    def critic(requests: Sequence[str], seed: int) -> list[str]:
        said.append(list(requests))
        return ["it is rude"] * len(requests) if len(said) == 1 else list(revisions)[: len(requests)]

    generator, _ = writer("no", finished=whole)
    return critique_pairs(
        PROMPTS,
        Random(0),
        generator=generator,
        critic=critic,
        judge=Politeness(),
        principles=[principle],
        data=DATA,
    )


def test_a_revision_that_is_judged_better_is_chosen_over_the_original() -> None:
    found = pairs(["please wait", "no, never", "please, please"])
    assert [(pair.prompt, pair.chosen, pair.rejected, pair.gap) for pair in found] == [
        ("one :", " please wait", " no", 1.0),
        ("three :", " please, please", " no", 2.0),
    ]
    assert {(pair.source, pair.category) for pair in found} == {("critique", "manners")}
    assert found[1].scores == (2.0, 0.0)
    assert {pair.category for pair in pairs(["please"] * 3, Principle("Be polite."))} == {"home"}


def test_nothing_comes_of_an_answer_that_was_cut_off_or_a_revision_that_is_none() -> None:
    assert pairs(["please"] * 3, whole=False) == []
    assert pairs(["", "no", " no "]) == []


def test_the_policy_is_its_own_critic_in_its_own_form_of_address() -> None:
    generator, asked = writer("better")
    assert policy_critic(generator, True, DATA)(["why?"], 0) == ["better"]
    assert policy_critic(generator, False, DATA)(["why?"], 0) == ["better"]
    assert asked == [[{"role": "user", "content": "why?"}], "why?\n\n"]
    assert policy_critic(writer("cut", finished=False)[0], True, DATA)(["why?"], 0) == [""]


class TestConstitution:
    def test_principles_are_texts_with_or_without_a_category(self, tmp_path: Path) -> None:
        path = tmp_path / "constitution.yaml"
        path.write_text("principles:\n  - Be polite.\n  - text: Help with no crime.\n    category: safety\n")
        assert load_constitution(path) == (Principle("Be polite."), Principle("Help with no crime.", "safety"))

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("- Be polite.", "no principles"),
            ("principles: []", "no principles"),
            ("principles: [Be polite., 7]", "principle 2 is not a text"),
            ("principles: [{text: ' '}]", "principle 1"),
            ("principles: [{text: a, weight: 2}]", "principle 1"),
        ],
    )
    def test_what_is_no_constitution_says_how_one_looks(self, tmp_path: Path, text: str, problem: str) -> None:
        path = tmp_path / "constitution.yaml"
        path.write_text(text)
        with pytest.raises(DataError, match=problem) as caught:
            load_constitution(path)
        assert "principles:" in caught.value.remedy

    def test_the_one_that_is_shipped_is_one(self) -> None:
        shipped = Path(__file__).parents[4] / "configs/constitutions/courteous.yaml"
        assert {principle.category for principle in load_constitution(shipped)} == {"", "honesty", "safety"}

    def test_a_missing_file_names_the_nearest(self, tmp_path: Path) -> None:
        (tmp_path / "constitution.yaml").write_text("")
        with pytest.raises(DataError, match="no such file") as caught:
            load_constitution(tmp_path / "constitution.yml")
        assert "constitution.yaml" in caught.value.remedy
