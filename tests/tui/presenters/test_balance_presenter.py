"""Words about helpfulness and harmlessness, and the points that are drawn of them."""

from __future__ import annotations

import pytest

from engine.judgement.balance import Balance, Place
from tui.presenters.balance import explained, heading, missing, spots

FOUND = Balance(
    places=(Place(0, 0.5, 0.5, True), Place(1, 0.6, 0.3, False), Place(2, 0.7, 0.45, True)),
    of=(20, 10),
    helpful=("chat", "essays"),
    harmless=("safety",),
    others=("code",),
)


def test_a_point_an_iteration_the_newest_in_bold_and_the_left_behind_off_the_path() -> None:
    assert [(s.name, s.x, s.y, s.tone, s.joined) for s in spots(FOUND)] == [
        ("baseline", 0.5, 0.5, "", True),
        ("1", 0.6, 0.3, "dim", False),
        ("2", 0.7, 0.45, "bold", True),
    ]
    assert spots(Balance()) == ()


def test_it_says_what_is_on_either_axis_and_how_far_the_newest_went() -> None:
    assert heading(FOUND) == "helpful against harmless: win rate on 20 and 10 items"
    assert explained(FOUND) == (
        "helpful: chat, essays · harmless: safety · on neither axis: code",
        "2 from baseline: helpful 0.700 (+0.200), harmless 0.450 (−0.050), not tested",
    )
    assert explained(Balance()) == ()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Balance(), "no evaluated item has a category"),
        (Balance(helpful=("chat",)), "none of the categories is harmless (chat): data.kinds says"),
        (Balance(others=tuple("abcdef")), "is helpful and none harmless (a, b, c, d and 2 more): data.kinds says"),
    ],
)
def test_where_there_is_nothing_to_draw_it_says_what_would_do(found: Balance, said: str) -> None:
    assert said in missing(found)
