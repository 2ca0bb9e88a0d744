"""The loop over a real ledger with stages that only pretend to train: what it begins, judges and hands over."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine import loop as loops
from engine.config import load_config
from engine.errors import DataError, TrainingError
from engine.helm import Helm
from engine.loop import Loop
from engine.records import KL, WIN_RATE, Iteration, Metric
from engine.stages.job import Crew, Job, Stage
from engine.store.control import Inbox
from engine.store.iterations import save_evaluation
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths, create_run
from engine.store.reader import Reader

CONFIG = "training: {beta: 0.1, learning_rate: 1e-3, max_steps: 40}\nbudget: {iterations: 9}\ndecide: auto\n"


def measured(win: float, kl: float, right: int = 90) -> dict[str, Metric]:
    """An evaluation: a win rate and a KL with narrow intervals, and `right` of 100 probe answers right."""
    items = tuple(1.0 if place < right else 0.0 for place in range(100))
    return {
        WIN_RATE: Metric(WIN_RATE, win, "alignment", 400, win - 0.02, win + 0.02),
        KL: Metric(KL, kl, "quality", 400, kl * 0.95, kl * 1.05),
        "sums": Metric("sums", right / 100, "capability", 100, items=items),
    }


class Theatre:
    """Iterations whose results are written beforehand. An exception among them is raised by the training stage."""

    def __init__(self, results: list[Mapping[str, Metric] | Exception]) -> None:
        self.results = results
        self.jobs: list[Job] = []
        self.mustered: list[int] = []

    def stage(self, job: Job) -> dict[str, Any]:
        self.jobs.append(job)
        result = self.results[job.index]
        if isinstance(result, Exception):
            raise result
        (job.work / "adapter").mkdir(parents=True, exist_ok=True)
        save_evaluation(job.work, result, [])
        return {"steps": 40 if job.index else 0}

    def muster(self, *arguments: Any) -> Crew:
        self.mustered.append(arguments[-1])
        return Crew(SimpleNamespace(device="cpu"), None)  # type: ignore[arg-type]


Play = Callable[..., tuple[Theatre, tuple[Iteration, ...]]]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Run a loop to its end over the given results, on a clock that ticks a second a reading."""
    monkeypatch.setenv("PILOTHOUSE_RUNS", str(tmp_path))
    clock = itertools.count(1_000_000).__next__
    gauge = SimpleNamespace(train_on=lambda device: None, begin_stage=lambda: None, stage_peaks=lambda: None)

    def run(results: list[Any], *assignments: str, paths: RunPaths | None = None) -> tuple[Theatre, Any]:
        theatre = Theatre(results)
        stage = Stage("act", theatre.stage)
        monkeypatch.setattr(loops, "BASELINE", (stage,))
        monkeypatch.setattr(loops, "RECIPES", {"dpo": (stage,)})
        monkeypatch.setattr(loops.baseline, "muster", theatre.muster)
        monkeypatch.setattr(loops.final, "run", lambda job: {"path": f"final of {job.index}"})
        paths = paths or create_run("run", CONFIG)
        with Ledger.open(paths, clock=clock) as ledger:
            ledger.begin_attempt("sha")
            helm = Helm(ledger, Inbox(paths), lambda: None, clock=clock, sleep=lambda _: None)
            try:
                Loop(paths, load_config(paths.config, assignments), ledger, helm, gauge, clock=clock).run()  # type: ignore[arg-type]
            finally:
                with Reader(paths.ledger) as reader:
                    iterations = reader.iterations()
        return theatre, iterations

    return run


def decisions(iterations: tuple[Iteration, ...]) -> list[tuple[str, int | None]]:
    return [(i.decision.action, i.decision.to) for i in iterations if i.decision]


def test_improving_iterations_are_accepted_until_the_budget_is_used_up(play: Play) -> None:
    results = [measured(0.5, 0), measured(0.6, 0.03), measured(0.7, 0.05)]
    theatre, iterations = play(results, "budget.iterations=2")
    assert decisions(iterations) == [("accept", None), ("finish", 2)]
    assert [i.parent for i in iterations] == [None, 0, 1]
    assert theatre.mustered == [0], "the model is brought aboard once"


def test_a_failed_training_goes_to_the_gate_and_is_retried_more_carefully(play: Play) -> None:
    results = [measured(0.5, 0), TrainingError("loss nan at step 3"), measured(0.6, 0.03)]
    theatre, iterations = play(results, "budget.iterations=2")
    assert iterations[1].fault == "loss nan at step 3"
    assert decisions(iterations)[0] == ("retry", 0)
    assert iterations[2].parent == 0
    assert theatre.jobs[-1].config.training.learning_rate < 1e-3


def test_a_confirmed_regression_is_rolled_back_and_the_branch_starts_from_the_baselines_settings(play: Play) -> None:
    results = [measured(0.5, 0), measured(0.7, 0.05, right=60), measured(0.6, 0.03)]
    theatre, iterations = play(results, "budget.iterations=2")
    assert decisions(iterations)[0] == ("rollback", 0)
    settings = theatre.jobs[-1].config.training
    assert (settings.beta, settings.learning_rate, settings.max_steps) == (0.2, 5e-4, 28)


def test_other_errors_end_the_engine_and_the_next_one_goes_on_from_there(play: Play, tmp_path: Path) -> None:
    results: list[Any] = [measured(0.5, 0), measured(0.6, 0.03), DataError("too few pairs")]
    with pytest.raises(DataError):
        play(results)
    results[2] = measured(0.7, 0.05)
    paths = RunPaths(tmp_path / "run")
    theatre, iterations = play(results, "budget.iterations=2", paths=paths)
    assert theatre.mustered == [2]
    assert [job.index for job in theatre.jobs] == [2]
    assert decisions(iterations) == [("accept", None), ("finish", 2)]


def test_what_the_policy_decided_says_so(play: Play) -> None:
    _, iterations = play([measured(0.5, 0), measured(0.6, 0.03)], "budget.iterations=1")
    decision = iterations[1].decision
    assert decision is not None
    assert (decision.who, "budget" in decision.why) == ("policy", True)


def test_the_log_and_the_outcome_name_the_selected_iteration(play: Play, tmp_path: Path) -> None:
    play([measured(0.5, 0), measured(0.6, 0.03)], "budget.iterations=1")
    paths = RunPaths(tmp_path / "run")
    with Reader(paths.ledger) as reader:
        info = reader.state()
    assert (info.best, info.summary and info.summary["path"]) == (1, "final of 1")
    assert "**Selected: iteration 1.**" in paths.log.read_text()
