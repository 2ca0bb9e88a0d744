"""The rules on simulated runs whose truth is known: a small part of `python -m tests.bench judgement`."""

from __future__ import annotations

import numpy as np

from engine.judgement import assess
from engine.judgement.weaknesses import find_weaknesses
from tests.bench.simulated_runs import Setting, answered, histories
from tests.fixtures.tables import table


def confirmed(setting: Setting, runs: int) -> tuple[float, float]:
    """Shares of runs that cross the threshold, and in which that is confirmed."""
    random, bare, sure = np.random.default_rng(1), 0, 0
    for _ in range(runs):
        found = [one for history in histories(setting, random, answered) for one in find_weaknesses(history)]
        found = [one for one in found if one.type == "capability_regression"]
        bare += bool(found)
        sure += any(one.evidence == "confirmed" for one in found)
    return bare / runs, sure / runs


def test_where_nothing_changed_thresholds_cry_wolf_and_the_tests_do_not() -> None:
    bare, sure = confirmed(Setting(164, 0.42, 0.20), 100)
    assert bare > 0.5
    assert sure <= 0.05


def test_a_true_tenth_is_confirmed_on_a_full_benchmark() -> None:
    assert confirmed(Setting(1319, 0.42, 0.10, effect=0.10), 40)[1] >= 0.95


def test_the_best_of_many_must_be_missed_by_more_than_the_best_of_one() -> None:
    def last(earlier: int) -> str:
        before = [{"win": rate, "kl": 0.05, "gsm8k": (0.4, 1319)} for rate in [(0.64, 805)] * earlier]
        worse = {"win": (0.577, 805), "kl": 0.05, "gsm8k": (0.4, 1319)}
        return assess(table({"kl": 0.0, "gsm8k": (0.4, 1319)}, *before, worse)).verdict.action

    assert last(1) == "rollback"
    assert last(4) != "rollback"
