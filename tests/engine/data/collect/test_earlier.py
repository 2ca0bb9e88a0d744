from __future__ import annotations

from random import Random

from engine.data.collect.earlier import labelled, replayed
from engine.data.task import Pair
from engine.records import Choice, Label


def pair(name: str, source: str = "on policy") -> Pair:
    return Pair(f"question {name}", f"good {name}", f"bad {name}", gap=1.0, source=source, scores=(2.0, 1.0), born=1)


def label(of: Pair, choice: Choice, who: str = "ana", first: str = "chosen", t: float = 1.0) -> Label:
    return Label(of.id, choice, first, who, t, 1)  # type: ignore[arg-type]


def test_what_was_collected_for_a_reason_stays_and_the_rest_by_its_share() -> None:
    reasons = [pair("t", "targeted"), pair("c", "critique"), pair("o", "operator")]
    usual = [pair(str(i)) for i in range(10)]
    before = [*reasons, *usual, pair("f", "file"), pair("m", "mix")]
    assert replayed(before, 0, Random(0)) == reasons
    half = replayed(before, 0.5, Random(0))
    assert half[:3] == reasons
    assert len(set(map(id, half[3:]))) == 5
    assert {one.source for one in half[3:]} == {"on policy"}


def test_a_label_turns_the_pair_to_its_operators_side() -> None:
    one, two = pair("1"), pair("2")
    known = {each.id: each for each in (one, two)}
    agreed, turned = labelled([label(one, "2", first="rejected"), label(two, "1", first="rejected")], known)[0]
    assert (agreed.chosen, agreed.rejected) == ("good 1", "bad 1")
    assert (turned.chosen, turned.rejected) == ("bad 2", "good 2")
    assert {each.source for each in (agreed, turned)} == {"operator"}
    assert (turned.author, turned.gap, turned.scores, turned.born) == ("ana", None, None, 1)
    assert turned.id == two.id


def test_ties_and_bad_pairs_go_and_a_skip_says_nothing() -> None:
    pairs = [pair(str(i)) for i in range(4)]
    known = {each.id: each for each in pairs}
    said: list[Choice] = ["tie", "bad", "skip"]
    spoken, out = labelled([label(one, choice) for one, choice in zip(pairs, said, strict=False)], known)
    assert spoken == []
    assert out == {pairs[0].id, pairs[1].id}


def test_the_last_operators_word_counts_and_unknown_pairs_are_left() -> None:
    one = pair("1")
    labels = [label(one, "tie", "ana"), label(one, "1", "bo"), label(one, "skip", "cy"), label(pair("x"), "1")]
    spoken, out = labelled(labels, {one.id: one})
    assert [each.author for each in spoken] == ["bo"]
    assert not out
