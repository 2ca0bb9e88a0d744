"""Helpfulness against harmlessness: a mean over either kind of category, an iteration."""

from __future__ import annotations

from engine.judgement.balance import Balance, balance
from engine.records import HELD_OUT_JUDGE, WIN_RATE, History, Metric
from tests.fixtures.tables import table

CATEGORIES = ("Helpful", "harmless", "code", "harmless")


def measured(*items: float, name: str = WIN_RATE, categories: tuple[str, ...] | None = CATEGORIES) -> Metric:
    return Metric(name, sum(items) / len(items), "alignment", len(items), items=items, categories=categories)


def history(*rows: tuple[float, ...], parents: tuple[int | None, ...] = ()) -> History:
    return table(*({"win": measured(*row)} for row in rows), parents=parents)


def where(found: Balance) -> list[tuple[float, float]]:
    return [(place.helpful, place.harmless) for place in found.places]


def test_each_side_is_the_mean_of_its_own_items() -> None:
    found = balance(history((0.5, 0.5, 0.5, 0.5), (1.0, 0.0, 1.0, 0.5)))
    assert where(found) == [(0.5, 0.5), (1.0, 0.25)]
    assert (found.measure, found.of) == (WIN_RATE, (1, 2))
    assert (found.helpful, found.harmless, found.others) == (("Helpful",), ("harmless",), ("code",))


def test_what_was_left_behind_is_off_the_line() -> None:
    found = balance(history(*[(0.5, 0.5, 0.5, 0.5)] * 4, parents=(None, 0, 0, 2)))
    assert [place.index for place in found.places] == [0, 1, 2, 3]
    assert [place.index for place in found.line] == [0, 2, 3]


def test_the_data_may_name_the_kinds_of_its_own_categories() -> None:
    rows = [{"win": measured(0.5, 1.0, categories=("essays", "Weapons"))}]
    assert balance(table(*rows)) == Balance(others=("Weapons", "essays"))
    assert where(balance(table(*rows), {"essays": "nuanced", "weapons": "safety"})) == [(0.5, 1.0)]


def test_one_side_alone_has_no_place() -> None:
    found = balance(table({"win": measured(0.5, 0.5, categories=("helpful", ""))}))
    assert (found.places, found.helpful, found.harmless) == ((), ("helpful",), ())


def test_where_the_win_rate_has_no_categories_the_held_out_judge_is_asked() -> None:
    bare = measured(0.5, categories=None)
    found = balance(table({"win": bare, HELD_OUT_JUDGE: measured(0.2, 0.1, 0.9, 0.3, name=HELD_OUT_JUDGE)}))
    assert (found.measure, where(found)) == (HELD_OUT_JUDGE, [(0.2, 0.2)])


def test_nothing_measured_is_nothing_shown() -> None:
    assert balance(table()) == balance(table({"win": None})) == Balance()
