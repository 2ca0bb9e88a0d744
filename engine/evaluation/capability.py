"""What the model can do: probe files, and tasks of lm-evaluation-harness. One call for the whole of an evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config.schema import EvaluationConfig
from engine.data.task import Probe
from engine.errors import PilothouseError
from engine.evaluation import measures
from engine.evaluation.forward import Advance
from engine.evaluation.questions import probe_cost, run_probe
from engine.models.resident import Resident
from engine.records import Answer, Metric
from engine.text import one_line

if TYPE_CHECKING:
    from engine.evaluation.harness.tasks import Found, Loaded

Say = Callable[[str, str, str], None]
"""An event: its kind, its text, its level."""

Measured = tuple[Metric, list[Answer]]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one iteration's answers are kept as they come, and to whom a finished task is told.

    `salt` names the policy: answers of another one are not used. Without a `folder` nothing is kept.
    """

    folder: Path | None = None
    salt: str = ""
    say: Say = lambda _kind, _text, _level: None


@dataclass
class Capability:
    """The run's harness tasks: found when the engine starts, loaded with their data when first measured."""

    found: Sequence[Found] = ()
    _loaded: dict[str, Loaded | str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: EvaluationConfig) -> Capability:
        """The config's tasks. Raises ConfigError for a name that the harness does not have, with the nearest."""
        if not config.tasks:
            return cls()
        from engine.evaluation.harness.tasks import find

        return cls(find(config.tasks, config.allow_code_execution))

    def cost(self, probes: Sequence[Probe], seed: int) -> int:
        """What the calls of `advance` in `measure` add up to. Loads tasks that are not loaded yet."""
        total = sum(probe_cost(probe) for probe in probes)
        if self.found:
            from engine.evaluation.harness.run import cost

            every = (self._load(found, seed) for found in self.found)
            total += sum(cost(loaded) for loaded in every if not isinstance(loaded, str))
        return total

    def measure(
        self, resident: Resident, probes: Sequence[Probe], config: EvaluationConfig, desk: Desk, advance: Advance
    ) -> Iterator[Measured]:
        """Each probe and task. One that fails is a metric without a value, and an event that says why."""
        for probe in probes:
            yield run_probe(resident, probe, config, advance)
        for found in self.found:
            start = time.perf_counter()
            metric, answers, why = self._measured(found, resident, config, desk, advance)
            seconds = time.perf_counter() - start
            done = (
                f"could not be measured: {why}" if why else f"{metric.value:.3f}, {metric.n} items in {seconds:.1f} s"
            )
            desk.say("evaluate.task", f"{metric.name} {done}", "error" if why else "info")
            yield metric, answers

    def _measured(
        self, found: Found, resident: Resident, config: EvaluationConfig, desk: Desk, advance: Advance
    ) -> tuple[Metric, list[Answer], str]:
        from engine.evaluation.harness.transcript import Transcript

        loaded = self._load(found, config.seed)
        nothing = measures.missing(found.name, "capability")
        if isinstance(loaded, str):
            return nothing, [], loaded
        from engine.evaluation.harness.run import run

        path = desk.folder / f"{found.name}.jsonl" if desk.folder else None
        abort = _Abort(advance)
        try:
            with Transcript(path, desk.salt) as transcript:
                metric, answers = run(loaded, resident, config, transcript, abort)
        except Exception as error:
            if abort.raised:  # not the task's: the operator's, say, on its way up
                raise
            return nothing, [], _words(error)
        return metric, answers, "" if metric.measured else "its value is not finite"

    def _load(self, found: Found, seed: int) -> Loaded | str:
        """The task, or why it could not be loaded: asked once, for a hub that does not answer is slow to say so."""
        if found.name not in self._loaded:
            from engine.evaluation.harness.tasks import load

            try:
                self._loaded[found.name] = load(found, seed)
            except Exception as error:
                self._loaded[found.name] = _words(error)
        return self._loaded[found.name]


class _Abort:
    """`advance`, remembering that it raised: whoever catches everything else lets that pass."""

    def __init__(self, advance: Advance) -> None:
        self._advance, self.raised = advance, False

    def __call__(self, count: int) -> None:
        try:
            self._advance(count)
        except BaseException:
            self.raised = True
            raise


def _words(error: Exception) -> str:
    words = str(error) if isinstance(error, PilothouseError) else f"{type(error).__name__}: {error}"
    return one_line(words, 400)
