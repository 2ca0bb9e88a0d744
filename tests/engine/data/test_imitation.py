"""What supervised fine-tuning imitates: where it comes from, in which order, what is left out, how much it counts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.config import RunConfig, override, parse_config
from engine.data.imitation import imitate, load_demonstrations
from engine.data.task import Pair, Prompt, Task
from engine.data.world.manners import DemoJudge
from engine.errors import DataError
from engine.models.resident import Resident
from engine.records import Example
from tests.fixtures.untrained import untrained_resident

CONFIG = parse_config("data: {near_duplicate: 1}\nsft: {replay: 0.5, mix: 0.25}")
PAIRS = tuple(Pair(f"question {i} ?", f" answer {i}", " ugh", scores=(2.0, 1.0)) for i in range(8))
SHOWN = tuple(Example(f"shown {i} ?", f" good {i}", source="demonstration") for i in range(8))
BEST = tuple(Example(f"best {i} ?", f" mine {i}", source="best", score=1.0) for i in range(8))
EXERCISES = tuple(Pair(f"2 + {i} = ?", f" {2 + i}", " 0", "sums", source="mix") for i in range(8))


def task(**changed: Any) -> Task:
    asked = (Prompt("measured ?"),)
    return replace(Task("small", DemoJudge(), (), asked, PAIRS, EXERCISES), **changed)


def sources(found: Any) -> dict[str, int]:
    return dict(found.sources)


def test_first_the_demonstrations_or_without_any_the_chosen_sides() -> None:
    assert sources(imitate(task(demonstrations=SHOWN), CONFIG, 1)) == {"demonstration": 8, "mix": 2}
    found = imitate(task(), CONFIG, 1)
    assert sources(found) == {"chosen": 8, "mix": 2}
    assert {(example.completion, example.score) for example in found.examples} >= {(" answer 3", 2.0)}


def test_then_the_best_of_the_policys_own_with_a_share_of_what_was_imitated_before() -> None:
    found = imitate(task(demonstrations=SHOWN), CONFIG, 2, best=BEST, earlier=[replace(e, born=1) for e in SHOWN])
    assert sources(found) == {"best": 8, "mix": 2, "demonstration": 4}
    assert {example.born for example in found.examples if example.source == "demonstration"} == {1}
    assert {example.born for example in found.examples if example.source != "demonstration"} == {2}


def test_earlier_exercises_are_not_replayed_on_top_of_fresh_ones() -> None:
    earlier = [Example.chosen(pair, "mix") for pair in EXERCISES]
    assert sources(imitate(task(), override(CONFIG, ["sft.mix=0"]), 2, best=BEST, earlier=earlier)) == {"best": 8}


def test_what_is_best_again_is_not_replayed_too() -> None:
    assert sources(imitate(task(), CONFIG, 2, best=BEST, earlier=BEST)) == {"best": 8, "mix": 2}


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        (Example("measured ?", " good"), "evaluation overlap"),
        (Example("why ?", "  "), "empty"),
        (Example("why ?", " no" * 20), "degenerate"),
        (Example("why ?", " \ufffd\ufffd"), "bad encoding"),
        (replace(BEST[0], score=9.0), "duplicate"),
    ],
)
def test_what_is_not_worth_imitating_is_left_out_and_counted(bad: Example, name: str) -> None:
    found = imitate(task(), CONFIG, 2, best=(*BEST, bad))
    assert sources(found)["best"] == 8
    assert {name: count for name, count in found.dropped.items() if count} == {name: 1}


def test_what_an_operator_quarantined_stays_out() -> None:
    found = imitate(task(), CONFIG, 2, best=BEST, out={BEST[3].id})
    assert sources(found)["best"] == 7
    assert found.dropped["quarantined"] == 1


def test_weights_by_iteration_act() -> None:
    best = [replace(BEST[0], category="safety"), replace(BEST[1], category="helpful", quality=0.5)]
    early, late = (imitate(task(exercises=()), CONFIG, iteration, best=best).examples for iteration in (2, 6))
    assert {e.category: e.weight for e in early} == {"safety": 2.0, "helpful": 0.5}
    assert {e.category: e.weight for e in late} == {"safety": 1.0, "helpful": 0.75}


def test_the_limit_holds_and_the_same_iteration_gives_the_same_examples() -> None:
    config = override(CONFIG, ["sft.max_examples=4"])
    once = imitate(task(), config, 2, best=BEST)
    assert sources(once) == {"best": 4, "mix": 1}
    assert once == imitate(task(), config, 2, best=BEST)
    assert once != imitate(task(), config, 3, best=BEST)


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Resident:
    return untrained_resident(tmp_path_factory.mktemp("base"))


class TestFile:
    @staticmethod
    def load(resident: Resident, folder: Path, *records: Any, config: RunConfig = CONFIG) -> tuple[Example, ...]:
        path = folder / "examples.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return load_demonstrations(str(path), config.data, resident)

    def test_records_of_several_shapes(self, resident: Resident, tmp_path: Path) -> None:
        found = self.load(
            resident, tmp_path, {"prompt": "a ?", "completion": " b"}, {"instruction": "Say c", "output": "c"}
        )
        assert [example.completion for example in found] == [" b", "c"]

    def test_too_much_that_is_malformed_is_refused_with_the_lines(self, resident: Resident, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"1 of 2 records are bad[\s\S]*line 2: no answer"):
            self.load(resident, tmp_path, {"prompt": "a ?", "completion": " b"}, {"prompt": "a ?"})

    def test_an_empty_file_is_refused(self, resident: Resident, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no records"):
            self.load(resident, tmp_path)

    def test_a_chat_model_gets_messages(self, resident: Resident, tmp_path: Path) -> None:
        resident.tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
        try:
            (found,) = self.load(resident, tmp_path, {"prompt": "a ?", "completion": " b "})
        finally:
            resident.tokenizer.chat_template = None
        assert found.prompt == [{"role": "user", "content": "a ?"}]
        assert found.completion == "b"
