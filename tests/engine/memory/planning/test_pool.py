"""Several simulators: who asks gets an idle one, answers come in order, a failure ends it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, current_thread

import pytest

from engine.config import RunConfig, parse_config
from engine.errors import PlanError
from engine.memory.planning.options import measure
from engine.memory.planning.pool import Simulators, side_by_side
from engine.memory.planning.run import Simulator
from engine.records import Plan
from tests.engine.memory.planning.formula import Formula

CONFIG = parse_config("model: {name: a/b}\ntraining: {batch_size: 8, max_length: 512}")


class Told(Simulator):
    """A simulator that answers by a formula and remembers what it was asked; `meet` holds it until others come too."""

    def __init__(self, meet: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.asked, self.closed, self._meet = 0, False, meet

    def simulate(self, config: RunConfig, *, quick: bool = False, progress: object = None) -> Plan:
        self.asked += 1
        self._meet()
        return Formula()(config)

    def close(self) -> None:
        self.closed = True


def test_who_asks_alone_meets_the_warm_one_again() -> None:
    made: list[Told] = []
    with Simulators(3, lambda: made.append(Told()) or made[-1]) as pool:  # type: ignore[func-returns-value]
        for _ in range(4):
            pool.simulate(CONFIG, quick=True)
    assert [one.asked for one in made] == [4, 0, 0]
    assert all(one.closed for one in made)


def test_two_are_asked_at_once() -> None:
    """Each answer waits for another question to be under way: one after the other would never end."""
    both = Barrier(2, timeout=60)
    with Simulators(2, lambda: Told(both.wait)) as pool:
        plans = list(side_by_side(lambda config: pool.simulate(config), [CONFIG] * 4, 2))
    assert plans == [Formula()(CONFIG)] * 4


def test_answers_come_in_the_order_of_the_questions() -> None:
    assert list(side_by_side(lambda number: number * number, range(20), 3)) == [n * n for n in range(20)]
    here = current_thread().name
    assert list(side_by_side(lambda _: current_thread().name, range(3), 1)) == [here] * 3


def test_measuring_side_by_side_finds_the_same() -> None:
    simulate = Formula()
    base = simulate(CONFIG)
    assert measure(CONFIG, base, simulate, at_once=3) == measure(CONFIG, base, simulate)


def test_the_first_failure_is_raised() -> None:
    def fail(number: int) -> int:
        raise PlanError(f"no {number}")

    with pytest.raises(PlanError, match="no 0"):
        list(side_by_side(fail, range(50), 2))
