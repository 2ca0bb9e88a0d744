from __future__ import annotations

from dataclasses import replace
from random import Random

from engine.data.filters.duplicates import near_duplicates
from engine.data.task import Pair


def text(seed: int, words: int = 120) -> list[str]:
    return Random(seed).choices([f"w{i}" for i in range(500)], k=words)


def pair(seed: int) -> Pair:
    return Pair(" ".join(text(seed, 20)), " ".join(text(seed + 1000)), " ".join(text(seed + 2000)))


def test_a_pair_that_differs_in_a_word_or_two_is_a_near_duplicate_and_the_first_stays() -> None:
    original = pair(1)
    words = original.chosen.split()
    words[60] = "other"
    twin = replace(original, chosen=" ".join(words))
    pairs = [pair(2), original, pair(3), twin, original]
    assert near_duplicates(pairs, 0.9) == [True, True, True, False, False]
    assert near_duplicates(pairs, 1) == [True] * 5
    assert near_duplicates([], 0.9) == []


def test_swapped_sides_and_other_answers_are_no_duplicates() -> None:
    original = pair(1)
    turned = replace(original, chosen=original.rejected, rejected=original.chosen)
    other = replace(original, chosen=pair(9).chosen)
    assert near_duplicates([original, turned, other], 0.8) == [True] * 3


def test_short_answers_that_differ_in_a_word_teach_something_each() -> None:
    asked = "ask : my lamp is broken . reply :"
    pairs = [Pair(asked, f" hello , please reset the {thing} .", " ugh .") for thing in ("lamp", "fan", "oven")]
    assert near_duplicates(pairs, 0.9) == [True] * 3


def test_every_pair_above_the_threshold_is_found_whatever_the_hash() -> None:
    """MinHash only proposes: at a similarity well above the threshold none is missed, well below none is dropped."""
    pairs = []
    for seed in range(40):
        words = text(seed, 200)
        pairs.append(Pair("p", " ".join(words), "no"))
        pairs.append(Pair("p", " ".join([*words[:-1], "end"]), "no"))
    assert near_duplicates(pairs, 0.8) == [True, False] * 40
