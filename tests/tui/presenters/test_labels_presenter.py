"""Which pair is next, on which side the chosen answer stands, what is told of the last one, and how far two agree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.records import Label, Pair
from engine.store.collected import Collected
from tui.presenters.labels import Labelling, answers, first_side, head, judged, over, queue, reveal, turns
from tui.presenters.labels_agreement import Agreement, agreement

WHO = "ana@lab"


def entry(name: str, gap: float | None = 0.5, dropped: str = "", source: str = "on policy") -> Collected:
    pair = Pair("What?", f"good {name}", f"bad {name}", "chat", gap, source, scores=None if gap is None else (gap, 0.0))
    return Collected(name, pair, dropped)


def label(pair: str, choice: str = "1", first: str = "chosen", who: str = WHO) -> Label:
    return Label(pair, choice, first, who, 1.0, 2)  # type: ignore[arg-type]


# ── agreement ────────────────────────────────────────────────────────────────────────────────────────────────────


def said(**counts: int) -> list[tuple[str, str]]:
    return [(word[1], word[2]) for word, count in counts.items() for _ in range(count)]


def test_kappa_of_the_textbook_table() -> None:
    """20 and 15 on the diagonal, 5 and 10 beside it: 0.7 observed, 0.5 expected."""
    found = agreement(said(_11=20, _12=5, _21=10, _22=15))
    assert (found.n, found.raw) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)


def test_kappa_with_a_third_word() -> None:
    table = [("1", "1")] * 10 + [("2", "2")] * 8 + [("tie", "1")] * 3 + [("tie", "2")] * 2 + [("1", "2")] * 2
    observed, expected = 18 / 25, (12 * 13 + 8 * 12 + 5 * 0) / 25**2
    assert agreement(table).kappa == pytest.approx((observed - expected) / (1 - expected))


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ([], Agreement(0, None, None)),
        (said(_11=4), Agreement(4, 1.0, None)),  # neither ever used a second word: chance alone gives as much
        (said(_11=3, _22=3), Agreement(6, 1.0, 1.0)),
        (said(_12=3, _21=3), Agreement(6, 0.0, -1.0)),
        (said(_11=1, _12=1, _21=1, _22=1), Agreement(4, 0.5, 0.0)),
        (said(_12=2), Agreement(2, 0.0, 0.0)),
    ],
)
def test_agreement_at_its_ends(table: list[tuple[str, str]], found: Agreement) -> None:
    assert agreement(table) == found


# ── the queue and the sides ──────────────────────────────────────────────────────────────────────────────────────


def test_the_smallest_gap_comes_first_and_an_unknown_one_last() -> None:
    every = [entry("wide", 0.9), entry("file", None), entry("close", 0.01, "small gap"), entry("mid", 0.2)]
    assert [found.id for found in queue(every)] == ["close", "mid", "wide", "file"]
    assert [found.id for found in queue([entry("odd", float("nan")), entry("mid")])] == ["mid", "odd"]


def test_what_other_filters_dropped_copies_and_quarantined_pairs_are_not_shown() -> None:
    every = [entry("a"), entry("a", dropped="small gap"), entry("b", dropped="near duplicate"), entry("c")]
    ordered = replace(every[0], id="d", pair=replace(every[0].pair, author="ben@lab", source="operator"))
    assert queue([*every, ordered], frozenset({"c"})) == (every[0],)


def test_the_order_of_sides_is_fixed_by_pair_and_operator_and_even_over_many() -> None:
    pairs = [f"{n:012x}" for n in range(2000)]
    mine = [first_side(pair, WHO) for pair in pairs]
    assert mine == [first_side(pair, WHO) for pair in pairs]
    assert 900 < mine.count("chosen") < 1100
    assert 900 < sum(a == b for a, b in zip(mine, [first_side(p, "ben@lab") for p in pairs], strict=True)) < 1100


def test_answers_stand_in_that_order_and_the_judge_is_asked_in_its_terms() -> None:
    for name in "abcdef":
        one, first = entry(name), first_side(name, WHO)
        assert answers(one, WHO)[0].startswith("good" if first == "chosen" else "bad")
        assert judged(one, first) == ("1" if first == "chosen" else "2")
    assert judged(entry("a", 0.0), "chosen") == "tie"


def test_a_prompt_has_turns() -> None:
    assert turns("hi") == (("", "hi"),)
    assert turns([{"role": "user", "content": "hi"}, {"content": "?"}]) == (("user", "hi"), ("", "?"))


# ── the sheet ────────────────────────────────────────────────────────────────────────────────────────────────────


def sheet(*given: Label) -> Labelling:
    return Labelling.resume(WHO, 2, queue([entry(name, gap / 10) for gap, name in enumerate("abc", 1)]), given)


def test_it_goes_on_where_this_operator_left_off() -> None:
    found = sheet(label("a"), label("b", who="ben@lab"), label("elsewhere"))
    assert (found.current and found.current.id, len(found.given), found.left) == ("b", 1, 2)


def test_labels_move_it_on_and_undo_moves_it_back() -> None:
    one = sheet().with_label(label("a", "skip"))
    two = one.with_label(label("b"))
    assert [found.current and found.current.id for found in (one, two, two.without_last())] == ["b", "c", "b"]
    done = two.with_label(label("c"))
    assert (done.current, done.left) == (None, 0)
    assert "3 pairs of iteration 2" in over(done)


def test_only_words_on_which_side_is_better_count_for_the_agreement() -> None:
    found = sheet(label("a"), label("b", "skip"), label("c", "bad"))
    assert found.agreement == Agreement(1, 1.0, None)
    assert "1 labelled" not in head(found).plain
    assert "3 labelled, 0 left   agreement 100%, Cohen's kappa n/a, n 1" in head(found).plain
    assert "agreement n/a yet" in head(sheet()).plain


@pytest.mark.parametrize(
    ("one", "given", "words"),
    [
        (entry("a"), label("a"), "before: agreed  you preferred 1, the judge prefers 1 · scores 0.500 and 0.000 · gap"),
        (entry("a"), label("a", "1", "rejected"), "disagreed  you preferred 1, the judge prefers 2 · scores 0.000 and"),
        (entry("a", source="file"), label("a", "tie"), "disagreed  you called it a tie, the data prefers 1"),
        (entry("a", 0.0, "small gap"), label("a", "tie"), "agreed  you called it a tie, the judge saw no difference"),
        (entry("a", None), label("a", "bad"), "before: you called it bad, the judge prefers 1 · on policy · chat"),
    ],
)
def test_what_was_hidden_is_told_afterwards(one: Collected, given: Label, words: str) -> None:
    told = reveal(one, given).plain
    assert words in told
    assert ("dropped: small gap" in told) == bool(one.dropped)


def test_a_label_of_another_iteration_counts_here_too() -> None:
    assert len(sheet(replace(label("a"), iteration=1)).given) == 1
