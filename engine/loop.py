"""The loop: begin an iteration, make it, judge it, wait at its gate, follow the decision; until the run is over.

What to do next always comes from the ledger (`moves.next_move`), so starting the loop and resuming it are the same.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from engine.config import RunConfig, iteration_settings, with_settings
from engine.errors import TrainingError
from engine.gate import Gate
from engine.helm import Helm
from engine.judgement import assess
from engine.memory.gauge import Gauge
from engine.moves import Await, Begin, Conclude, Judge, Make, Move, next_move
from engine.recipes import BASELINE, RECIPES
from engine.records import DataStep, History, Iteration
from engine.report import markdown
from engine.stages import baseline, final, publish
from engine.stages.job import Crew, Job, Stage
from engine.store.atomic import write_text
from engine.store.charge import spent
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.reader import Reader


class Loop:
    """One engine's way through a run. Raises Stopped when asked to stop, PilothouseError when it cannot go on."""

    def __init__(
        self,
        paths: RunPaths,
        config: RunConfig,
        ledger: Ledger,
        helm: Helm,
        gauge: Gauge,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._paths, self._config, self._ledger, self._helm, self._clock = paths, config, ledger, helm, clock
        self._gauge = gauge
        self._reader = Reader(paths.ledger)
        self._crew: Crew | None = None

    def run(self) -> None:
        """Go on until the run is concluded."""
        settings = iteration_settings(self._config)
        while True:
            move = next_move(self._reader.iterations(), settings)
            self._do(move)
            if isinstance(move, Conclude):
                return

    def _do(self, move: Move) -> None:
        match move:
            case Begin():
                self._ledger.open_iteration(move.index, move.parent, move.settings, move.first_step)
            case Make():
                self._make(move.iteration)
            case Judge():
                self._judge(move.iteration)
            case Await():
                self._await(move.iteration)
            case Conclude():
                self._conclude(move)

    # -- one iteration --------------------------------------------------------------------------------------------

    def _make(self, iteration: Iteration) -> None:
        """Run what is left of an iteration's stages. A training that fails is a result: it goes to the gate."""
        job = self._job(iteration)
        stages = RECIPES[self._config.recipe] if iteration.index else BASELINE
        try:
            for stage in stages:
                if stage.name not in self._ledger.stages(iteration.index):
                    self._run_stage(job, stage)
        except TrainingError as error:
            job.say("iteration.failed", str(error), "error")
            self._ledger.fail_iteration(iteration.index, str(error))
            return
        results = self._ledger.stages(iteration.index)
        metrics = publish.publish(job)
        seconds = sum(result["seconds"] for result in results.values())
        steps = sum(result.get("steps", 0) for result in results.values())
        settings = next((results[name].get("settings") for name in ("dpo", "ppo") if name in results), None)
        self._ledger.close_iteration(iteration.index, metrics, steps, seconds, settings)
        publish.clear(job)

    def _run_stage(self, job: Job, stage: Stage) -> None:
        began, held = self._clock(), self._helm.total_held_s
        self._gauge.begin_stage()
        result = stage.run(job)
        seconds = self._clock() - began - (self._helm.total_held_s - held)
        peaks = self._gauge.stage_peaks()
        measured = {} if peaks is None else {"memory": peaks}  # to hold what was planned against
        self._ledger.stage_done(job.index, stage.name, {**result, **measured, "seconds": seconds})

    def _job(self, iteration: Iteration) -> Job:
        crew = self._muster(iteration.index)
        self._helm.step = max(self._helm.step, iteration.first_step)
        return Job(
            index=iteration.index,
            parent=iteration.parent or 0,
            first_step=iteration.first_step,
            config=with_settings(self._config, iteration.config),
            paths=self._paths,
            ledger=self._ledger,
            helm=self._helm,
            resident=crew.resident,
            task=crew.task,
            plan=self._plan(iteration),
            capability=crew.capability,
        )

    def _plan(self, iteration: Iteration) -> tuple[DataStep, ...]:
        """What the gate that led to this iteration proposed to do about data."""
        before = self._reader.iterations()[iteration.index - 1].assessment if iteration.index else None
        return before.proposal.data if before else ()

    def _muster(self, iteration: int) -> Crew:
        """The model and the data, brought aboard by whatever needs them first."""
        if self._crew is None:
            self._crew = baseline.muster(self._paths, self._config, self._ledger, self._helm, iteration)
            self._gauge.train_on(str(self._crew.resident.device))
            # What is loaded stays for the engine's life. Accelerate collects garbage as each trainer begins, and going
            # through the modules of torch and its kin for it took 0.4 s of every iteration.
            gc.freeze()
        return self._crew

    # -- its gate -------------------------------------------------------------------------------------------------

    def _judge(self, iteration: Iteration) -> None:
        self._helm.enter(iteration.index, "diagnose")
        assessment = assess(self._history())
        self._ledger.open_gate(iteration.index, assessment)
        verdict = assessment.verdict
        where = f" to {verdict.to}" if verdict.to is not None else ""
        because = f": {verdict.reasons[0]}" if verdict.reasons else ""
        said = f"gate of iteration {iteration.index}: {verdict.action}{where} is recommended{because}"
        self._ledger.event("gate", said, "warn", iteration.index, self._helm.step)
        self._write_log()

    def _await(self, iteration: Iteration) -> None:
        gate = self._reader.gate()
        opened = gate.opened if gate else self._clock()
        Gate(iteration, self._reader.iterations(), self._config, self._ledger, self._helm, self._clock).wait(opened)
        self._write_log()

    def _history(self) -> History:
        """All that the rules may see: iterations with their per-item results, and what the run has spent."""
        iterations = self._reader.iterations(items=True)
        return History(
            name=self._paths.name,
            iterations=iterations,
            thresholds=self._config.thresholds,
            budget=self._config.budget,
            spent=spent(self._reader.charged(), iterations),
            evidence=self._config.evidence,
            config=iteration_settings(self._config),
        )

    # -- its end --------------------------------------------------------------------------------------------------

    def _conclude(self, move: Conclude) -> None:
        chosen = self._reader.iterations()[move.selected]
        result = final.run(self._job(chosen))
        why = move.decision.why or "; ".join(self._last_reasons())
        self._ledger.conclude(chosen.index, {**result, "selected": chosen.index, "why": why})
        self._write_log()

    def _last_reasons(self) -> tuple[str, ...]:
        last = self._reader.iterations()[-1]
        return last.assessment.verdict.reasons if last.assessment else ()

    def _write_log(self) -> None:
        write_text(self._paths.log, markdown(self._history()))
