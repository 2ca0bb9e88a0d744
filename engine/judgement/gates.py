"""What an iteration must show before the run may end on it, and which numbers the rules cannot do without."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.judgement import tree
from engine.judgement.figures import above, below, listed, percent, show
from engine.judgement.weaknesses import confirmed_regressions, find_weaknesses
from engine.records import KL, WIN_RATE, History


@dataclass(frozen=True, slots=True)
class Gate:
    """One quality gate: `passed`, and a line that says why or why not."""

    name: str
    passed: bool
    text: str


def quality_gates(history: History) -> tuple[Gate, ...]:
    """Every quality gate of the last iteration. What is missing or not finite never passes."""
    return (_complete(history), _capable(history), _near(history), _aligned(history), _stable(history))


def failures(history: History) -> list[str]:
    """Metrics that this iteration should have and has not: not finite, or absent although measured before."""
    here, start = tree.current(history), tree.baseline(history)
    needed = {name for name, metric in start.metrics.items() if metric.group == "capability"}
    needed |= {name for name, metric in here.metrics.items() if metric.group == "capability"}
    if here.index != tree.BASELINE:
        needed |= {name for name in (WIN_RATE, KL) if any(name in each.metrics for each in history.iterations)}
    return sorted(name for name in needed if not tree.measured(here, name))


def unknown(history: History) -> list[str]:
    """Metrics that the rules need and that this history never had, or has no baseline for: they cannot be judged."""
    here, start = tree.current(history), tree.baseline(history)
    never = [name for name in (WIN_RATE, KL) if not any(name in each.metrics for each in history.iterations)]
    capabilities = [name for name, metric in start.metrics.items() if metric.group == "capability"]
    return never + sorted(name for name in capabilities if tree.measured(here, name) and not tree.measured(start, name))


def _complete(history: History) -> Gate:
    missing = sorted({*failures(history), *unknown(history)})
    return Gate(
        "complete", not missing, f"{listed(missing)} missing" if missing else "every required metric is present"
    )


def _capable(history: History) -> Gate:
    names = [weakness.metric for weakness in confirmed_regressions(find_weaknesses(history))]
    text = f"regression confirmed: {listed(names)}" if names else "no confirmed regression"
    return Gate("capability", not names, text)


def _near(history: History) -> Gate:
    kl, limit = tree.value(tree.current(history), KL), history.thresholds.kl
    if kl is None:
        return Gate("kl", False, "KL was not measured")
    over = above(kl, limit)
    return Gate("kl", not over, f"KL {show(kl)} is {'above' if over else 'within'} {show(limit)}")


def _aligned(history: History) -> Gate:
    rate, limit = tree.value(tree.current(history), WIN_RATE), history.thresholds.win_rate
    if rate is None:
        return Gate("alignment", False, "the win rate was not measured")
    short = below(rate, limit)
    return Gate("alignment", not short, f"win rate {show(rate)} is {'below' if short else 'at least'} {show(limit)}")


def _stable(history: History) -> Gate:
    """The capabilities taken together against the baseline, so that small losses cannot add up unseen."""
    here, start = tree.current(history), tree.baseline(history)
    names = [name for name, metric in start.metrics.items() if metric.group == "capability"]
    pairs = [(tree.value(here, name), tree.value(start, name)) for name in names]
    kept = [now / was for now, was in pairs if now is not None and was is not None and above(was, 0)]
    if not kept:
        return Gate("stability", True, "no capability to hold against the baseline")
    mean = math.fsum(kept) / len(kept)
    fallen = below(mean, history.thresholds.retention)
    return Gate("stability", not fallen, f"capabilities keep {percent(mean)} of the baseline on average")
