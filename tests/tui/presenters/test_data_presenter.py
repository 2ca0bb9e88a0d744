"""Pairs as rows: filters, search, what operators said of them, and the manifest's counts, also where they are odd."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.errors import UsageError
from engine.records import Example, Iteration, Label, Pair
from engine.store.collected import Collected
from tui.presenters.data import (
    Hand,
    Look,
    about,
    cells,
    chosen,
    counts,
    items,
    looking,
    pick,
    sides,
    tone,
    turned,
    values,
)


def entry(name: str, source: str = "file", category: str = "chat", dropped: str = "", **more: Any) -> Collected:
    return Collected(
        name, Pair(f"What is {name}?", f"It is {name}.", "No\nidea", category, 0.25, source, **more), dropped
    )


EVERY = items(
    [
        entry("a"),
        entry("b", "on policy", "math", scores=(0.75, 0.5), weight=2.0),
        entry("c", "on policy", ""),
        entry("b", "on policy", "math", "exact duplicate"),
        entry("d", dropped="small gap", author="ana@lab", born=1, quality=0.5),
    ]
)


def label(pair: str, choice: str = "1", first: str = "chosen", who: str = "ana@lab") -> Label:
    return Label(pair, choice, first, who, 1.0, 2)  # type: ignore[arg-type]


HAND = Hand.of([label("a"), label("b", "tie"), label("b", "1", "rejected", "ben@lab")], frozenset({"c"}))


def names(look: Look, hand: Hand = HAND) -> str:
    return "".join(item.entry.id for item in chosen(EVERY, look, hand))


@pytest.mark.parametrize(
    ("look", "found"),
    [
        (Look(), "abcbd"),
        (Look(source="on policy"), "bcb"),
        (Look(category="math", fate="kept"), "b"),
        (Look(category="(none)"), "c"),
        (Look(fate="dropped"), "bd"),
        (Look(fate="small gap"), "d"),
        (Look(mark="labelled"), "abb"),
        (Look(mark="not labelled"), "cd"),
        (Look(mark="quarantined"), "c"),
        (Look(words="IS  what"), "abcbd"),
        (Look(words="it is a."), "a"),
        (Look(words="idea", fate="small gap"), "d"),
        (Look(words="absent"), ""),
    ],
)
def test_filters_and_words_narrow_together(look: Look, found: str) -> None:
    assert names(look) == found


def test_a_pair_is_found_by_its_whole_id_and_not_by_a_part_of_it() -> None:
    every = items([entry("question")])
    every = (replace(every[0], entry=replace(every[0].entry, id="3fa2b1c0d9e8")),)
    assert chosen(every, Look(words="3FA2b1c0d9e8"), Hand()) == every
    assert chosen(every, Look(words="3fa2"), Hand()) == ()


def test_a_copy_that_was_dropped_is_a_row_of_its_own() -> None:
    assert len({item.key for item in EVERY}) == 5


def test_a_filter_turns_through_what_there_is_and_back_to_all() -> None:
    assert values(EVERY, "source") == ("", "on policy", "file")
    assert values(EVERY, "fate") == ("", "kept", "dropped", "exact duplicate", "small gap")
    look, seen = Look(), []
    for _ in values(EVERY, "category"):
        look = turned(look, "category", EVERY)
        seen.append(look.category)
    assert seen == ["chat", "math", "(none)", ""]
    assert turned(Look(source="of another iteration"), "source", EVERY).source == "on policy"


def test_a_row_says_what_is_known_and_leaves_the_rest_empty() -> None:
    assert cells(EVERY[1], HAND) == (
        "What is b?", "on policy", "math", "0.250", "0.750 0.500", "2", "kept", "disagrees",
    )  # fmt: skip
    assert cells(EVERY[0], HAND)[-1] == "agrees"
    assert cells(EVERY[2], HAND)[-1] == "quarantined"
    assert cells(EVERY[4], Hand())[3:] == ("0.250", "", "1", "small gap", "")
    assert [tone(item, HAND) for item in EVERY] == ["", "", "dim strike", "dim", "dim"]


def test_the_whole_pair_is_told_with_every_operators_word() -> None:
    told = about(EVERY[1], HAND).plain
    assert "b · on policy · math · gap 0.250 · weight 2" in told
    assert "ana@lab: tie" in told
    assert "ben@lab: disagrees" in told
    assert "quarantined" in about(EVERY[2], HAND).plain
    ordered = Hand.of([label("d"), label("d", "1", who="ben@lab")], frozenset())
    assert cells(EVERY[4], ordered)[-1] == "labelled by ben@lab"
    assert "ana@lab: as labelled" in about(EVERY[4], ordered).plain
    for words in ("labelled by ana@lab", "collected for iteration 1", "quality 0.5", "dropped: small gap"):
        assert words in about(EVERY[4], HAND).plain
    assert [(head.plain, text) for head, text in sides(EVERY[1])] == [
        ("chosen  0.750", "It is b."),
        ("rejected  0.500", "No\nidea"),
    ]


def test_counts_come_from_the_manifest_and_where_it_says_nothing_from_the_pairs() -> None:
    manifest = {"pairs": 96, "collected": 1300, "sources": {"file": 96}, "dropped": {"near_duplicate": 4, "empty": 0}}
    told = counts(2, EVERY, manifest).plain
    assert told == "iteration 2  96 pairs of 1,300 collected   sources file 96   dropped near duplicate 4"
    assert counts(2, EVERY, {}).plain == (
        "iteration 2  3 pairs   sources on policy 2, file 1   dropped exact duplicate 1, small gap 1"
    )


@pytest.mark.parametrize("odd", [{"pairs": "many", "sources": [1], "dropped": 7}, {"dropped": {"x": "y"}}])
def test_a_manifest_of_nonsense_counts_nothing(odd: dict[str, Any]) -> None:
    assert counts(2, (), odd).plain == "iteration 2  0 pairs   sources none   dropped none"


def test_what_is_looked_at_is_said_and_nothing_else() -> None:
    assert looking(Look(), 5, 5).plain == "all 5 shown"
    assert looking(Look(fate="kept", words="is"), 1, 5).plain == "1 of 5 shown   filter kept   words is"


def tree(*states: str) -> list[Iteration]:
    return [Iteration(index, None, status) for index, status in enumerate(states)]


def test_the_newest_finished_iteration_is_picked_or_the_one_asked_for() -> None:
    run = tree("decided", "decided", "failed", "evaluated", "running")
    assert (pick(run), pick(run, 1)) == (3, 1)
    for wanted in (0, 2, 4, 9):
        with pytest.raises(UsageError, match=rf"iteration {wanted} has left no pairs") as caught:
            pick(run, wanted)
        assert "finished: 1, 3" in caught.value.remedy
    with pytest.raises(UsageError, match="no iteration has left pairs yet"):
        pick(tree("evaluated", "running"))


def test_an_example_to_imitate_stands_among_the_pairs_and_is_not_counted_as_one() -> None:
    example = Example("What is e?", "It is e.", "chat", "best", weight=1.5)
    every = (*EVERY, *items([Collected(example.id, example.as_pair())]))
    assert "3 pairs, 1 example to imitate" in counts(1, every, {}).plain
    (imitated, said), (rejected, nothing) = sides(every[-1])
    assert (imitated.plain, said) == ("imitated", "It is e.")
    assert (rejected.plain, nothing) == ("nothing was rejected", "")
    assert "best" in values(every, "source")
    assert sides(EVERY[0])[1][1] == "No\nidea"
