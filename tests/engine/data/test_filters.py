from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.config import parse_config
from engine.data.filters import is_degenerate, run_filters
from engine.data.task import Pair, Prompt

CONFIG = parse_config("data: {min_gap: 0.5}")
TEXT = " ".join(f"word{i}" for i in range(20))


def pair(prompt: str = "a question", chosen: str = "good answer", rejected: str = "bad answer", **more: object) -> Pair:
    return Pair(prompt, chosen, rejected, **more)  # type: ignore[arg-type]


def dropped(*pairs: Pair, held_out: Sequence[Prompt] = ()) -> dict[str, int]:
    report = run_filters(pairs, CONFIG, held_out)
    assert len(report.kept) + sum(report.dropped.values()) == len(pairs)
    return {name: count for name, count in report.dropped.items() if count}


def test_good_pairs_pass_in_order() -> None:
    pairs = [pair("one"), pair("two"), pair("one", "other answer")]
    report = run_filters(pairs, CONFIG, [])
    assert list(report.kept) == pairs
    assert set(report.dropped.values()) == {0}


def test_each_filter_counts_its_own() -> None:
    assert dropped(pair(), pair(), pair(chosen="Good  Answer")) == {"duplicate": 2}
    assert dropped(pair(chosen="Same", rejected=" same ")) == {"equal sides": 1}
    assert dropped(pair(rejected=" ")) == {"empty": 1}
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
        held_out = [Prompt("Short one"), Prompt(TEXT)]
        assert dropped(pair("short  ONE"), held_out=held_out) == {"evaluation overlap": 1}
        assert dropped(pair(f"before {TEXT} after"), held_out=held_out) == {"evaluation overlap": 1}
        assert dropped(pair("short one more"), held_out=held_out) == {}

    def test_a_frame_that_evaluation_prompts_share_is_no_overlap(self) -> None:
        held_out = [Prompt(f"{TEXT} item {i}") for i in range(30)]
        assert dropped(pair(f"{TEXT} something else"), held_out=held_out) == {}

    def test_a_conversation_counts_by_its_last_question(self) -> None:
        talk = [{"role": "user", "content": "Short one"}]
        assert dropped(Pair(talk, "a", "b"), held_out=[Prompt("short one")]) == {"evaluation overlap": 1}


@pytest.mark.parametrize("text", ["no " * 8, "you know what " * 5, "a a a a a a a b c"])
def test_repetition_is_degenerate(text: str) -> None:
    assert is_degenerate(text)


@pytest.mark.parametrize("text", ["", "no no no", TEXT, "the cat and the dog and the bird sat on the mat"])
def test_plain_text_is_not(text: str) -> None:
    assert not is_degenerate(text)
