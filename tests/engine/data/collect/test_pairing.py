from __future__ import annotations

from engine.data.collect.pairing import contrast, different, joined
from engine.data.task import Prompt
from engine.models.generate import Completion

RANKED = [(float(i), f"t{i}") for i in range(6)]


def ended(*texts: str) -> list[Completion]:
    return [Completion(text, (1, 2), True) for text in texts]


def test_repeats_blanks_and_what_was_cut_off_are_left_out() -> None:
    completions = [*ended("a b", "a", "a b", " "), Completion("a b c d", (1,), False)]
    assert different(completions) == ["a", "a b"]


def test_the_extremes_and_an_inner_pair() -> None:
    pairs = list(contrast(Prompt("p :", "home"), RANKED, 0.5, "nested", "on policy"))
    assert [(pair.rejected, pair.chosen, pair.gap) for pair in pairs] == [(" t0", " t5", 5.0), (" t2", " t4", 2.0)]
    assert pairs[0].scores == (5.0, 0.0)
    assert {(pair.category, pair.source) for pair in pairs} == {("home", "on policy")}


def test_the_extremes_alone_or_every_two_above_the_gap() -> None:
    assert len(list(contrast(Prompt("p"), RANKED, 0.5, "best_worst"))) == 1
    assert len(list(contrast(Prompt("p"), RANKED, 0.5, "all"))) == 15
    wide = list(contrast(Prompt("p"), RANKED, 4, "all"))
    assert sorted(pair.gap or 0 for pair in wide) == [4, 4, 5]


def test_no_pair_without_a_winner() -> None:
    for pairing in ("nested", "best_worst", "all"):
        assert list(contrast(Prompt("p"), RANKED, 9, pairing)) == []
        assert list(contrast(Prompt("p"), RANKED[:1], 0, pairing)) == []
        assert list(contrast(Prompt("p"), [(1.0, "a"), (1.0, "b")], 0, pairing)) == []


def test_a_space_goes_between_words_and_nowhere_else() -> None:
    assert joined("reply :", "yes") == " yes"
    assert joined("reply :", " yes") == " yes"
    assert joined("Response:\n", "yes") == "yes"
    assert joined([{"role": "user", "content": "hi"}], "yes") == "yes"
