from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from engine.config import parse_config
from engine.data.build import build_task
from engine.data.collect import collect, contrast, draw, joined, rank
from engine.data.task import Pair, Prompt, Task
from engine.judges.base import ScoringJudge
from engine.models.generate import Completion
from engine.models.resident import Resident
from tests.fixtures.untrained import untrained_resident

SETTINGS = "data: {{source: {}, prompts: 6, completions: 4, max_new_tokens: 6, min_gap: 0.1, max_pairs: 8}}"


class Length(ScoringJudge):
    name = "length"

    def score(self, prompt: str, completion: str) -> float:
        return float(len(completion.split()))


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Resident:
    return untrained_resident(tmp_path_factory.mktemp("base"))


@pytest.fixture
def task(resident: Resident) -> Task:
    demo = build_task(parse_config(""), resident)
    recorded = tuple(Pair(f"ask : {i}", "a", "b", source="file") for i in range(20))
    return replace(demo, judge=Length(), train_pairs=recorded)


def ended(*texts: str) -> list[Completion]:
    return [Completion(text, (1, 2), True) for text in texts]


def test_rank_leaves_out_repeats_blanks_and_what_was_cut_off(task: Task) -> None:
    completions = [*ended("a b", "a", "a b", " "), Completion("a b c d", (1,), False)]
    assert rank(task, Prompt("p"), completions) == [(1.0, "a"), (2.0, "a b")]


def test_contrast_takes_the_extremes_and_an_inner_pair() -> None:
    ranked = [(float(i), f"t{i}") for i in range(6)]
    pairs = list(contrast(Prompt("p :", "home"), ranked, 0.5))
    assert [(pair.rejected, pair.chosen, pair.gap) for pair in pairs] == [(" t0", " t5", 5.0), (" t2", " t4", 2.0)]
    assert {pair.category for pair in pairs} == {"home"}
    assert list(contrast(Prompt("p"), ranked, 9)) == []
    assert list(contrast(Prompt("p"), ranked[:1], 0)) == []


def test_a_space_goes_between_words_and_nowhere_else() -> None:
    assert joined("reply :", "yes") == " yes"
    assert joined("reply :", " yes") == " yes"
    assert joined("Response:\n", "yes") == "yes"
    assert joined([{"role": "user", "content": "hi"}], "yes") == "yes"


def test_drawing_takes_each_once_before_any_twice() -> None:
    counts = Counter(draw(Random(0), range(5), 12))
    assert set(counts.values()) == {2, 3}
    assert draw(Random(0), [], 5) == []


@pytest.mark.parametrize(("source", "kinds"), [("file", {"file"}), ("on_policy", {"on policy"})])
def test_each_source_gives_its_own(resident: Resident, task: Task, source: str, kinds: set[str]) -> None:
    pairs, report = collect(resident, task, parse_config(_settings(source)), 1)
    assert {pair.source for pair in pairs} <= kinds
    assert len(pairs) == report.on_policy + report.from_file <= 8
    assert report.completions == (24 if source == "on_policy" else 0)


def test_both_fill_up_to_the_limit(resident: Resident, task: Task) -> None:
    pairs, report = collect(resident, task, parse_config(_settings("both")), 1)
    assert len(pairs) == 8
    assert report.from_file == 8 - report.on_policy > 0


def test_an_iteration_decides_and_repeats(resident: Resident, task: Task) -> None:
    config = parse_config(_settings("both"))
    assert collect(resident, task, config, 1) == collect(resident, task, config, 1)
    assert collect(resident, task, config, 1) != collect(resident, task, config, 2)


def _settings(source: str) -> str:
    path = ", path: pairs.jsonl" if source != "on_policy" else ""
    return SETTINGS.format(source).replace("}", path + "}")


def test_settings_are_complete(tmp_path: Path) -> None:
    assert parse_config(_settings("both")).data.path == "pairs.jsonl"
