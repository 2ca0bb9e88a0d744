from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.rl.controller import KlController

KLS = st.lists(st.floats(0, 1e4), max_size=40)


def made(**settings: float | bool) -> KlController:
    return KlController(**{"beta": 0.1, "target": 4.0, "floor": 0.02, "ceiling": 10.0, **settings})  # type: ignore[arg-type]


@given(KLS)
def test_beta_stays_between_floor_and_ceiling_and_moves_a_quarter_at_most(kls: list[float]) -> None:
    controller, beta = made(), 0.1
    for kl in kls:
        after = controller.update(kl)
        assert 0.02 <= after <= 10
        assert beta * 0.75 - 1e-12 <= after <= beta * 1.25 + 1e-12
        beta = after


@given(KLS, st.floats(4.01, 100))
def test_too_much_kl_never_lowers_beta(kls: list[float], kl: float) -> None:
    controller = made()
    for each in kls:
        controller.update(each)
    before = controller.beta
    assert controller.update(kl) >= before


def test_beta_is_not_given_away_while_kl_is_on_its_way_up() -> None:
    controller = made()
    for kl in (0.0, 0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5):
        controller.update(kl)
    assert controller.beta == 0.1


def test_a_policy_that_settles_below_its_target_is_let_go() -> None:
    controller = made()
    for kl in (2.0, 2.0, 2.0, 2.0):
        controller.update(kl)
    assert controller.beta < 0.1


def test_it_holds_a_policy_that_answers_to_it() -> None:
    """A policy whose KL is 1/β in the long run, a fifth of the way there an update: it settles on the target."""
    controller, kl = made(), 0.0
    for _ in range(200):
        kl += 0.2 * (1 / controller.beta - kl)
        controller.update(kl)
    assert abs(kl - 4) < 0.2


def test_a_fixed_coefficient_stays() -> None:
    controller = made(adaptive=False, floor=0.5)
    for kl in (0.0, 100.0, 1.0):
        assert controller.update(kl) == 0.1


def test_it_goes_on_from_its_json() -> None:
    whole, half = made(), made()
    for kl in (3.0, 9.0):
        half.update(kl)
    again = KlController(**half.as_json())
    for kl in (3.0, 9.0, 2.0, 1.9):
        whole.update(kl)
    assert [again.update(kl) for kl in (2.0, 1.9)][-1] == whole.beta
