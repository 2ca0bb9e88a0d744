"""What "better" and "harsher" mean, and that the one never brings the other; that proposals do something or nothing.

An iteration is **better** than another where, with the same history behind it and all else equal, no capability and no
win rate is lower and KL is not higher: item by item where items are known, by value where only values are.

**Harsher** is by what is lost: `finish` and `accept` keep the iteration (0), `ask` leaves it to the operator (1),
`retry` and `rollback` throw it away (2). Between the last two there is no order: a KL violation is retried before it is
asked whether the win rate fell as well.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.judgement import assess, next_settings, settings_of
from engine.judgement.gates import quality_gates
from engine.judgement.proposal import ADJUSTMENTS, BOUNDS, Cause, propose
from engine.records import History, Metric
from tests.fixtures.tables import Cell, table

settings.register_profile("rules", derandomize=True, deadline=None, max_examples=60)
same_each_time = settings.get_profile("rules")
HARSHNESS = {"finish": 0, "accept": 0, "ask": 1, "retry": 2, "rollback": 2}
ITEMS = 30
answers = st.lists(st.sampled_from([0.0, 1.0]), min_size=ITEMS, max_size=ITEMS)
scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=ITEMS, max_size=ITEMS)
kls = st.floats(0, 0.4)


def row(gsm8k: list[float], win: list[float], kl: float) -> dict[str, Cell]:
    return {"gsm8k": gsm8k, "win": win, "kl": kl}


@same_each_time
@given(start=answers, before=scores, worse=st.tuples(answers, scores, kls), lifts=st.tuples(answers, scores, kls))
def test_an_iteration_better_in_every_item_never_gets_a_harsher_verdict(
    start: list[float], before: list[float], worse: tuple[Any, Any, float], lifts: tuple[Any, Any, float]
) -> None:
    past = [{"gsm8k": start, "kl": 0.0}, row(start, before, 0.05)]
    better = row(list(map(max, worse[0], lifts[0])), list(map(max, worse[1], lifts[1])), min(worse[2], lifts[2]))
    harsh = [HARSHNESS[assess(table(*past, last)).verdict.action] for last in (better, row(*worse))]
    assert harsh[0] <= harsh[1]


causes = st.sets(st.sampled_from(sorted(ADJUSTMENTS))).map(lambda kinds: [Cause(kind, "", kind) for kind in kinds])
steps = st.integers(10, 40) | st.integers(10, 10_000_000)
configs = st.fixed_dictionaries(
    {"beta": st.floats(0.01, 1), "learning_rate": st.floats(1e-8, 1e-3), "max_steps": steps}
)


@same_each_time
@given(configs, causes, st.booleans(), st.integers(1, 6))
def test_a_proposal_is_in_bounds_and_never_a_change_to_the_same(
    config: dict[str, float], found: list[Cause], compound: bool, tries: int
) -> None:
    parents = [None, *[0] * tries]
    history = table(*[{"gsm8k": 0.4}] * (tries + 1), parents=parents, config=config, compound=compound)
    proposal = propose(history, 0, found)
    after = next_settings(settings_of(history, 0), proposal)
    for name, (low, high) in BOUNDS.items():
        assert low <= after[name] <= high
    assert after["max_steps"] >= 10
    assert all(change.before != change.after and change.before == config[change.field] for change in proposal.changes)
    assert propose(history, 0, found[::-1]) == proposal


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), -float("inf"), "absent"])
@pytest.mark.parametrize("name", ["gsm8k", "win", "kl"])
def test_no_metric_that_is_missing_or_not_finite_passes_a_gate(name: str, bad: Any) -> None:
    start: dict[str, Cell] = {"gsm8k": (0.4, 1319), "kl": 0.0}
    good: dict[str, Cell] = {"gsm8k": (0.42, 1319), "win": (0.7, 805), "kl": 0.05}
    last = {key: cell for key, cell in good.items() if key != name} if bad == "absent" else {**good, name: bad}
    history = table(start, good, last)
    assert not all(gate.passed for gate in quality_gates(history))
    assert assess(history).verdict.action == "retry"
    assert assess(history).best == 1


def test_an_item_that_is_not_a_number_is_no_evidence_of_health() -> None:
    broken = Metric("gsm8k", float("nan"), "capability", 3, items=(1.0, float("nan"), 1.0))
    history: History = table({"gsm8k": [1.0, 1.0, 1.0], "kl": 0.0}, {"gsm8k": broken, "win": 0.7, "kl": 0.05})
    assert assess(history).verdict.action == "retry"
