from __future__ import annotations

import pytest

from engine.judgement import best, converged, convergence
from engine.judgement.convergence import gain
from engine.judgement.gates import quality_gates
from engine.records import History, Metric
from tests.fixtures.tables import Cell, right, table, with_iteration

START: dict[str, Cell] = {"win": 0.5, "kl": 0.0, "gsm8k": (0.4, 1319)}


def run(*wins: Cell, kl: float = 0.05, **frame: object) -> History:
    return table(START, *({"win": win, "kl": kl, "gsm8k": (0.4, 1319)} for win in wins), **frame)


def test_the_highest_lower_bound_is_the_best_and_not_the_highest_value() -> None:
    assert best(run((0.62, 805), (0.66, 30))) == 1
    assert best(run((0.62, 805), (0.66, 805))) == 2


def test_ties_go_to_the_lower_kl_and_then_to_the_earlier_one() -> None:
    rows = [{"win": 0.6, "kl": kl, "gsm8k": (0.4, 1319)} for kl in (0.08, 0.05, 0.05)]
    assert best(table(START, *rows)) == 2


def test_what_broke_a_limit_is_never_the_best() -> None:
    sound = {"win": 0.6, "kl": 0.05, "gsm8k": (0.4, 1319)}
    for broken in ({"kl": 0.11}, {"gsm8k": (0.3, 1319)}, {"kl": None}, {"gsm8k": None}, {"win": None}):
        assert best(table(START, sound, {**sound, "win": 0.9, **broken})) == 1
    assert best(with_iteration(run(0.6, 0.9), 2, status="failed")) == 1


def test_a_suspected_regression_may_be_the_best() -> None:
    row = {"win": 0.6, "kl": 0.05, "gsm8k": (0.36, 164)}
    assert best(table({**START, "gsm8k": (0.4, 164)}, row)) == 1


def test_the_baseline_is_the_best_until_something_wins() -> None:
    assert best(table(START)) == 0
    assert best(run(0.5, 0.48)) == 0
    assert best(run(0.48, 0.51)) == 2
    assert best(History("empty", ())) is None


def test_a_history_that_never_measured_kl_can_still_have_a_best() -> None:
    assert best(table({"gsm8k": 0.4}, {"gsm8k": 0.4, "win": 0.6}, {"gsm8k": 0.4, "win": 0.7})) == 2


@pytest.mark.parametrize(
    ("wins", "stopped"),
    [
        ((0.62, 0.625, 0.63), True),
        ((0.62, 0.625, 0.64), False),  # 0.64 − 0.62 is more than 0.02 to a computer, and is not less to a person
        ((0.54, 0.55, 0.56), False),  # here it is less to a computer
        ((0.70, 0.62, 0.625, 0.63), True),
        ((0.63, 0.63), False),
        ((0.63, 0.63, None), False),
    ],
)
def test_three_iterations_within_two_hundredths_have_converged(wins: tuple[float | None, ...], stopped: bool) -> None:
    assert converged(run(*wins)) is stopped


def test_the_baseline_and_abandoned_tries_do_not_count() -> None:
    assert not converged(run(0.5, 0.5))
    assert not converged(run(0.6, 0.601, 0.602, parents=[None, 0, 0, 0]))
    assert converged(run(0.6, 0.3, 0.601, 0.602, parents=[None, 0, 1, 1, 3]))


def test_the_equivalence_test_stands_beside_the_rule() -> None:
    few, many = convergence(run(*[(0.6, 100)] * 3)), convergence(run(*[(0.6, 100_000)] * 3))
    assert few.converged
    assert many.converged
    assert few.p is not None
    assert many.p is not None
    assert many.p < 0.05 < few.p
    assert "equivalence not shown" in few.text
    assert "equivalence shown" in many.text
    assert "untested" in convergence(run(0.6, 0.6, 0.6)).text
    assert convergence(run(0.6)).text == "1 of the 3 accepted iterations that convergence needs"


def test_equivalence_is_paired_where_items_are_known() -> None:
    flat = convergence(run(*[right(480, 800)] * 3))
    assert flat.p == 0
    assert "equivalence shown, paired TOST" in flat.text
    moved = [1.0] * 470 + [0.0] * 320 + [1.0] * 10  # as many right, though 20 items changed
    paired, separate = convergence(run(right(480, 800), moved, moved)), convergence(run(*[(0.6, 800)] * 3))
    assert paired.p is not None
    assert separate.p is not None
    assert paired.p < 0.05 < separate.p
    assert "unpaired TOST" in separate.text


def test_the_gain_is_over_exactly_the_last_five_accepted_iterations() -> None:
    assert gain(run(0.5, 0.55, 0.6, 0.62)) is None
    assert gain(run(0.9, 0.5, 0.55, 0.6, 0.62, 0.63)) == pytest.approx(0.13)


def test_every_gate_must_pass_and_says_why() -> None:
    gates = {gate.name: gate for gate in quality_gates(run(0.6))}
    assert all(gate.passed for gate in gates.values())
    assert gates["kl"].text == "KL 0.05 is within 0.1"


@pytest.mark.parametrize(
    ("broken", "failing"),
    [
        ({"win": 0.54}, {"alignment"}),
        ({"win": None}, {"alignment", "complete"}),
        ({"kl": 0.11}, {"kl"}),
        ({"kl": float("nan")}, {"kl", "complete"}),
        ({"gsm8k": None}, {"complete"}),
        ({"gsm8k": (0.3, 1319)}, {"capability", "stability"}),
        ({"gsm8k": (0.379, 30)}, {"stability"}),
    ],
)
def test_a_gate_that_fails(broken: dict[str, Cell], failing: set[str]) -> None:
    history = table(START, {"win": 0.6, "kl": 0.05, "gsm8k": (0.4, 1319), **broken})
    assert {gate.name for gate in quality_gates(history) if not gate.passed} == failing


def test_small_losses_that_add_up_fail_the_gate_of_stability() -> None:
    names = [f"task{i}" for i in range(4)]
    start = {name: Metric(name, 0.4, "capability", 100) for name in names}
    lower = {name: Metric(name, 0.375, "capability", 100) for name in names}
    gates = quality_gates(table({**START, **start}, {"win": 0.6, "kl": 0.05, "gsm8k": 0.4, **lower}))
    assert [gate.name for gate in gates if not gate.passed] == []
    gates = quality_gates(table({"win": 0.5, "kl": 0.0, **start}, {"win": 0.6, "kl": 0.05, **lower}))
    assert [gate.name for gate in gates if not gate.passed] == ["stability"]
