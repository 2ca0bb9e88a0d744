"""How often the rules cry wolf, and how often they see one: simulated runs through the code that the gate uses.

A run is five iterations, so five looks, with three capabilities each. "Bare" is how many runs cross the threshold of
`capability_regression` at least once, which without evidence is a rollback; of these, "confirmed" is how many the tests
confirm at least once, and "suspected" how many they never do. ± is 1.96 standard errors of the simulation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from engine.judgement import assess
from engine.judgement.evidence import falls_short
from engine.judgement.weaknesses import find_weaknesses
from engine.records import WIN_RATE, History, Metric
from tests.bench.simulated_runs import Setting, answered, clustered, histories, published, scored, whole
from tests.bench.table import Row

NAME = "Judgement"
PACKAGES = ("numpy", "scipy")
SIZES = (164, 200, 805, 1319)
MODELS = ((0.42, 0.10), (0.42, 0.20), (0.75, 0.10))  # accuracy, and the share of items that flip with no true change
QUIET, CHANGED, WHOLE = 1000, 400, 400  # replicas: no change (or a target), a regression, whole verdicts
_SEED = 20
Run = Iterable[History]


def measure(share: float = 1.0) -> list[Row]:
    """All rows; `share` scales the replicas."""
    quiet, changed, verdicts = (max(1, round(share * count)) for count in (QUIET, CHANGED, WHOLE))
    rows = [
        _paired(Setting(n, accuracy, flips, effect), quiet if _aimed(n, effect) else changed)
        for accuracy, flips in MODELS
        for n in SIZES
        for effect in (0.0, 0.05, 0.10)
    ]
    return [*rows, *_other(quiet, changed), *_wins(quiet * 10), _verdicts(verdicts)]


def _paired(setting: Setting, replicas: int) -> Row:
    random = np.random.default_rng(_SEED)
    runs = (histories(setting, random, answered) for _ in range(replicas))
    what = f"{_named(setting)}, accuracy {setting.accuracy:.2f}, {setting.flips:.0%} flip"
    aim = 0.95 if setting.effect and _aimed(setting.n, setting.effect) else None
    return _row(what, setting, runs, replicas, aim)


def _aimed(n: int, effect: float) -> bool:
    """Is there a target? For no change, and for a tenth lost on a full benchmark."""
    return effect == 0 or (effect, n) == (0.10, SIZES[-1])


def _other(quiet: int, changed: int) -> list[Row]:
    """Scores, several samples a prompt, and tables that give only a value and its n."""
    rows = []
    for effect, replicas in ((0.0, quiet // 4), (0.10, changed // 4)):
        for n in (200, 805):
            setting = Setting(n, 0.75, 0.10, effect)
            rows.append(_kind("scores, bootstrap", setting, replicas, lambda s, r: histories(s, r, scored(r))))
    for effect, replicas in ((0.0, quiet), (0.10, changed)):
        setting = Setting(1319, 0.42, 0.10, effect)
        rows.append(_kind("value and n alone", setting, replicas, lambda s, r: histories(s, r, published)))
    return [*rows, _kind("4 samples a prompt", Setting(200, 0.42, 0.20), quiet, clustered)]


def _kind(kind: str, setting: Setting, replicas: int, make: Callable[[Setting, np.random.Generator], Run]) -> Row:
    random = np.random.default_rng(_SEED)
    return _row(f"{kind}: {_named(setting)}", setting, (make(setting, random) for _ in range(replicas)), replicas)


def _row(what: str, setting: Setting, runs: Iterable[Run], replicas: int, least: float | None = None) -> Row:
    seen = [_seen(run, setting.effect > 0) for run in runs]
    bare, confirmed = (sum(each) / replicas for each in zip(*seen, strict=True))
    measured = f"bare {bare:.1%} · suspected {bare - confirmed:.1%} · confirmed {_share(confirmed, replicas)}"
    if setting.effect == 0:
        return Row(what, measured, "confirmed ≤ 5 %", confirmed <= 0.05)
    return Row(what, measured, f"confirmed ≥ {least:.0%}" if least else "", confirmed >= least if least else None)


def _seen(run: Run, changed: bool) -> tuple[bool, bool]:
    """Did the run cross the threshold, and was that confirmed? With a true change, of the capability that changed."""
    found = [
        weakness.evidence
        for history in run
        for weakness in find_weaknesses(history)
        if weakness.type == "capability_regression" and (weakness.metric == "task0" or not changed)
    ]
    return bool(found), "confirmed" in found


def _wins(replicas: int) -> list[Row]:
    """One look at a win rate whose truth is known, against the threshold of .55."""
    random = np.random.default_rng(_SEED)
    return [_win(truth, n, random.binomial(n, truth, replicas) / n) for truth in (0.50, 0.55, 0.60) for n in (100, 805)]


def _win(truth: float, n: int, rates: np.ndarray) -> Row:
    short = [Metric(WIN_RATE, float(rate), "alignment", n) for rate in rates if rate < 0.55]
    sure = sum(falls_short(metric, 0.55).evidence == "confirmed" for metric in short) / len(rates)
    measured = f"bare {len(short) / len(rates):.1%} · confirmed {_share(sure, len(rates))}"
    what = f"win rate below .55, Wilson, one look: really {truth:.2f}, n {n}"
    return Row(what, measured, "", None) if truth < 0.55 else Row(what, measured, "confirmed ≤ 5 %", sure <= 0.05)


def _verdicts(replicas: int) -> Row:
    """Whole runs that stand still, with a win rate of .60: how often is any iteration rolled back?"""
    random, setting = np.random.default_rng(_SEED), Setting(805, 0.42, 0.10)
    runs = (whole(setting, random, win_rate=0.60) for _ in range(replicas))
    back = sum("rollback" in {assess(history).verdict.action for history in run} for run in runs) / replicas
    what = "nothing changes, n 805, win rate .60: any rollback, by the whole table of verdicts"
    return Row(what, _share(back, replicas), "≤ 5 %", back <= 0.05)


def _named(setting: Setting) -> str:
    change = f"true loss of {setting.effect:.0%}" if setting.effect else "no change"
    return f"{change}, n {setting.n}"


def _share(share: float, replicas: int) -> str:
    return f"{share:.1%} ± {1.96 * math.sqrt(share * (1 - share) / replicas):.1%}"


if __name__ == "__main__":
    from tests.bench.table import machine, render

    print(f"{machine(PACKAGES)}\n\n{render(measure())}")  # noqa: T201
