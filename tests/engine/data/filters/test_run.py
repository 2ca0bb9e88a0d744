from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.config import parse_config
from engine.config.schema import DataConfig
from engine.data.filters import run_filters
from engine.data.sources import load_pairs
from engine.data.task import Pair

FOLDER = os.environ.get("PILOTHOUSE_DATA", "")
DATA = parse_config("data: {min_gap: 0.5}").data
TEXT = " ".join(f"word{i}" for i in range(20))


def pair(prompt: str = "a question", chosen: str = "good answer", rejected: str = "bad answer", **more: object) -> Pair:
    return Pair(prompt, chosen, rejected, **more)  # type: ignore[arg-type]


def dropped(*pairs: Pair, held_out: Sequence[str] = ()) -> dict[str, int]:
    report = run_filters(pairs, DATA, held_out)
    assert len(report.kept) + sum(report.dropped.values()) == len(report.kept) + len(report.out) == len(pairs)
    assert all(report.found[name] >= count for name, count in report.dropped.items())
    return {name: count for name, count in report.dropped.items() if count}


def test_good_pairs_pass_in_order() -> None:
    pairs = [pair("one"), pair("two"), pair("one", "other answer")]
    report = run_filters(pairs, DATA, [])
    assert list(report.kept) == pairs
    assert set(report.dropped.values()) == {0}


def test_each_filter_counts_its_own() -> None:
    assert dropped(pair(), pair(), pair(chosen="Good  Answer")) == {"duplicate": 2}
    assert dropped(pair(chosen="Same", rejected=" same ")) == {"equal sides": 1}
    assert dropped(pair(rejected=" ")) == {"empty": 1}
    assert dropped(pair(rejected="Iâ€™m sure itâ€™s â€œfineâ€\x9d")) == {"bad encoding": 1}
    assert dropped(pair(chosen="please " * 12)) == {"degenerate": 1}
    assert dropped(pair(rejected="please " * 12)) == {}


def test_a_sampled_pair_needs_the_gap_and_a_recorded_one_only_no_tie() -> None:
    assert dropped(pair(gap=0.4, source="on policy")) == {"small gap": 1}
    assert dropped(pair(gap=0.4, source="file")) == {}
    assert dropped(pair(gap=0.0, source="file")) == {"small gap": 1}
    assert dropped(pair(gap=None, source="file")) == {}


def test_a_length_outlier_is_one_against_the_rest() -> None:
    usual = [pair(f"prompt {i}", " ".join(TEXT.split()[: 8 + i % 3])) for i in range(20)]
    assert dropped(*usual, pair("long", " ".join(f"term{i}" for i in range(400)))) == {"length outlier": 1}
    assert dropped(*usual) == {}


class TestOverlap:
    def test_the_same_prompt_and_a_shared_ngram_are_dropped(self) -> None:
        held_out = ["Short one", TEXT]
        assert dropped(pair("short  ONE"), held_out=held_out) == {"evaluation overlap": 1}
        assert dropped(pair(f"before {TEXT} after"), held_out=held_out) == {"evaluation overlap": 1}
        assert dropped(pair("short one more"), held_out=held_out) == {}

    def test_a_frame_that_evaluation_prompts_share_is_no_overlap(self) -> None:
        held_out = [f"{TEXT} item {i}" for i in range(30)]
        assert dropped(pair(f"{TEXT} something else"), held_out=held_out) == {}

    def test_a_conversation_counts_by_each_of_its_questions(self) -> None:
        turns = [("user", "Short one"), ("assistant", "yes"), ("user", "why")]
        talk = [{"role": role, "content": text} for role, text in turns]
        assert dropped(Pair(talk, "a", "b"), held_out=["short one"]) == {"evaluation overlap": 1}


def test_a_pair_with_two_faults_is_found_by_both_filters_and_dropped_once() -> None:
    report = run_filters([pair(chosen="same", rejected="same", gap=0.0, source="file"), pair()], DATA, [])
    assert {name for name, count in report.found.items() if count} == {"equal sides", "small gap"}
    assert [reason for _, reason in report.out] == ["equal sides"]


def test_the_copy_of_a_dropped_pair_is_not_dropped_as_a_copy() -> None:
    twins = [pair(gap=0.1, source="on policy"), pair(gap=0.9, source="on policy")]
    assert run_filters(twins, DATA, []).kept == (twins[1],)


def test_what_an_operator_said_comes_first() -> None:
    report = run_filters([pair(), pair(rejected=" ")], DATA, [], {"quarantined": lambda _: False})
    assert report.dropped["quarantined"] == report.found["quarantined"] == 2
    assert report.found["empty"] == 1


def test_the_clean_share_is_of_all_that_was_collected() -> None:
    pairs = [pair("asked in evaluation", rejected=" "), pair("one"), pair("two"), pair("three", rejected="")]
    assert run_filters(pairs, DATA, ["asked in evaluation"]).clean_share == 0.75
    assert run_filters([], DATA, []).clean_share is None


@pytest.mark.data
@pytest.mark.skipif(not FOLDER, reason="PILOTHOUSE_DATA is not set: it names the folder of real inputs")
def test_the_known_faults_of_real_pairs_are_found() -> None:
    """Counted in the file by itself: 4 pairs have equal sides, and 111 are ties by their own scores."""
    path = Path(FOLDER) / "pref" / "ultrafeedback_train_clean.jsonl"
    data = DataConfig(source="file", path=str(path))
    pairs, _ = load_pairs(data)
    report = run_filters(pairs, data, [])
    assert report.found["equal sides"] == 4
    assert report.found["small gap"] == 111
    assert report.found["empty"] == 2
    assert 800 < len(report.kept) < 1000 - 4 - 110
