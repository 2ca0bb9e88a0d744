"""A small run, written by hand, that the presenters' tests look at: baseline, a good iteration, one that regressed."""

from __future__ import annotations

from engine.records import (
    KL,
    WIN_RATE,
    Assessment,
    Change,
    Decision,
    Iteration,
    Metric,
    Proposal,
    Verdict,
    Weakness,
)

SETTINGS = {"beta": 0.1, "learning_rate": 5e-6, "max_steps": 1000}


def metrics(win: float, kl: float, math: float) -> dict[str, Metric]:
    return {
        WIN_RATE: Metric(WIN_RATE, win, "alignment", 200, win - 0.03, win + 0.03),
        KL: Metric(KL, kl, "quality", 100, kl * 0.9, kl * 1.1),
        "gsm8k": Metric("gsm8k", math, "capability", 1319, math - 0.01, math + 0.01),
    }


BASELINE = Iteration(0, None, "decided", {}, metrics(0.5, 0.0, 0.412), Decision("accept", 0, who="policy"))
GOOD = Iteration(1, 0, "decided", SETTINGS, metrics(0.581, 0.062, 0.417), Decision("accept", 1, who="ana@gpu1"))
REGRESSION = Weakness("capability_regression", "gsm8k", 0.371, 0.95, "high", "confirmed", 0.412, 0.417, 0.004)
SUSPECTED = Weakness("kl_violation", KL, 0.113, 0.1, "high", "suspected")
ROLLBACK = Assessment(
    2,
    (REGRESSION, SUSPECTED),
    Verdict("rollback", 1, ("gsm8k fell from 0.412 to 0.371 (McNemar p = 0.004)",)),
    Proposal(
        1,
        (
            Change("beta", 0.1, 0.2, "hold capability"),
            Change("learning_rate", 5e-6, 2.5e-6, "smaller steps"),
        ),
        ("mix in capability-preserving pairs",),
        ("beta held at its bound",),
    ),
    best=1,
)
BROKEN = Iteration(2, 1, "evaluated", SETTINGS, metrics(0.634, 0.113, 0.371), assessment=ROLLBACK)
TREE = (BASELINE, GOOD, BROKEN)
