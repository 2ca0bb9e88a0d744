"""What the rules look at, and what they answer with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.judgement import tree
from engine.judgement.adjustments import Cause
from engine.judgement.best import best_of, is_sound, sound
from engine.judgement.convergence import Convergence, convergence, gain
from engine.judgement.gates import Gate, failures, fallen_through, quality_gates, unknown
from engine.judgement.weaknesses import find_weaknesses
from engine.records import History, Iteration, Metric, Verdict, Weakness


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a rule may look at, worked out once.

    `earlier` are the sound iterations before this one, and `previous` the best of them; `best` may be this very one.
    `floored` are the metrics below their floors, `gained` is what diminishing returns are told by.
    """

    history: History
    here: Iteration
    weaknesses: tuple[Weakness, ...]
    earlier: tuple[Iteration, ...]
    best: int
    previous: int
    failures: tuple[str, ...]
    unknown: tuple[str, ...]
    floored: tuple[str, ...]
    gates: tuple[Gate, ...]
    convergence: Convergence
    gained: float | None

    @property
    def parent(self) -> int:
        return tree.BASELINE if self.here.parent is None else self.here.parent

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)

    @property
    def failed(self) -> bool:
        return self.here.status == "failed" or bool(self.failures)

    @property
    def now(self) -> Metric | None:
        """The key metric here."""
        return tree.key(self.history, self.here)

    @property
    def was(self) -> Metric | None:
        """The key metric of the parent."""
        return tree.key(self.history, tree.find(self.history, self.parent))


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict, the iteration that the next one starts from, and a cause that is not among the weaknesses."""

    verdict: Verdict
    start: int
    cause: Cause | None = None


def open_case(history: History) -> Case:
    """Raises ValueError where there is no iteration or no baseline."""
    return _opened(history, sound(replace(history, iterations=history.iterations[:-1])))


def reopen(case: Case, here: Iteration) -> Case:
    """The case as it would be with another last iteration: what came before is not weighed again."""
    return _opened(replace(case.history, iterations=(*case.history.iterations[:-1], here)), case.earlier)


def _opened(history: History, earlier: tuple[Iteration, ...]) -> Case:
    here = tree.current(history)
    candidates = (*earlier, here) if is_sound(history) else earlier
    return Case(
        history,
        here,
        find_weaknesses(history),
        earlier,
        best_of(history, candidates) or tree.BASELINE,
        best_of(history, earlier) or tree.BASELINE,
        tuple(failures(history)),
        tuple(unknown(history)),
        tuple(fallen_through(history)),
        quality_gates(history),
        convergence(history),
        gain(history),
    )
