"""Has the run stopped moving? The spread rule decides; an equivalence test beside it says how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from engine.judgement import evidence, tree
from engine.judgement.figures import below, p_value, show
from engine.records import WIN_RATE, History, Metric

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Convergence:
    """`spread` is max − min of `metric` over `iterations`, the last accepted ones (None while there are too few).

    `p` is that of two one-sided tests (TOST, Schuirmann 1987) that the highest and the lowest lie within the margin,
    None where no interval is known; `how` says whether it compared them paired by item. Highest and lowest are picked
    for being far apart, so that the test errs on the side of "not shown".
    """

    converged: bool
    iterations: tuple[int, ...]
    spread: float | None
    margin: float
    needed: int
    p: float | None = None
    how: str = ""
    metric: str = "win rate"

    @property
    def text(self) -> str:
        """One line for a person."""
        if self.spread is None:
            return f"{len(self.iterations)} of the {self.needed} accepted iterations that convergence needs"
        where = f"{self.metric} spread {show(self.spread)} over iterations {', '.join(map(str, self.iterations))}"
        verb = "converged" if self.converged else "not converged"
        side = "below" if self.converged else "not below"
        return f"{verb}: {where}, {side} {show(self.margin)} ({self._equivalence})"

    @property
    def _equivalence(self) -> str:
        if self.p is None:
            return "equivalence untested: samples unknown"
        shown = "equivalence shown" if self.p < 0.05 else "equivalence not shown at this many samples"
        return f"{shown}, {self.how} TOST {p_value(self.p)}"


def convergence(history: History) -> Convergence:
    """Over the last accepted, trained iterations on the way to the current one; the baseline never counts."""
    limits = history.thresholds
    rates = [(step.index, tree.key(history, step)) for step in tree.line(history, tree.current(history))]
    last = [(index, rate) for index, rate in rates if rate is not None and rate.value is not None]
    last = last[-limits.converged_iterations :]
    indices, whole = tuple(index for index, _ in last), len(last) == len(rates[-limits.converged_iterations :])
    if len(last) < limits.converged_iterations or not whole:
        return Convergence(False, indices, None, limits.converged_spread, limits.converged_iterations)
    metrics = sorted((rate for _, rate in last if rate), key=lambda rate: rate.value or 0.0)
    spread = (metrics[-1].value or 0.0) - (metrics[0].value or 0.0)
    stopped = below(spread, limits.converged_spread)
    p, how = _tost(metrics[0], metrics[-1], limits.converged_spread)
    name = "win rate" if (key := tree.key_name(history)) == WIN_RATE else key.replace("_", " ")
    return Convergence(stopped, indices, spread, limits.converged_spread, limits.converged_iterations, p, how, name)


def converged(history: History) -> bool:
    return convergence(history).converged


def gain(history: History) -> float | None:
    """Of the key metric over the last `diminishing_iterations` accepted iterations, first to last; None while fewer."""
    span = history.thresholds.diminishing_iterations
    rates = [tree.key(history, step) for step in tree.line(history, tree.current(history))][-span:]
    values = [rate.value for rate in rates if rate is not None and rate.value is not None]
    return values[-1] - values[0] if len(values) == span else None


def _tost(low: Metric, high: Metric, margin: float) -> tuple[float | None, str]:
    """The larger of the two one-sided p-values, and how the two iterations were compared."""
    if (found := evidence.difference(high, low)) is None:
        return None, ""
    apart, error, how = found
    if not error:
        return float(abs(apart) >= margin), how
    return 1 - min(_NORMAL.cdf((margin - apart) / error), _NORMAL.cdf((margin + apart) / error)), how
