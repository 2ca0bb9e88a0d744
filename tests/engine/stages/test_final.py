"""The final evaluation: at full size, and a kill in it costs what was not yet measured, no more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.config import RunConfig, parse_config
from engine.data.build import build_task
from engine.data.task import Task
from engine.evaluation.capability import Capability
from engine.evaluation.evaluate import evaluate
from engine.models.resident import Resident
from engine.records import WIN_RATE
from engine.stages import final
from engine.stages.evaluations import write_evaluation
from engine.stages.job import Job
from engine.store.atomic import staged, verify
from engine.store.paths import RunPaths
from tests.fixtures.benchmarks import write_task
from tests.fixtures.untrained import stir

pytestmark = pytest.mark.slow

SIZES = "prompts: 2, completions: 1, max_new_tokens: 4, batch_size: 8"


class Killed(Exception):  # noqa: N818  (by whoever asked for it)
    pass


class Quiet:
    """A helm that counts how often it is shown progress, and dies where it is told to."""

    step = 0

    def __init__(self) -> None:
        self.beats, self.dies_at = 0, -1

    def enter(self, *_: Any, **__: Any) -> None:
        pass

    def progress(self, done: int, total: int) -> None:
        assert done <= total
        self.beats += 1
        if self.beats == self.dies_at:
            raise Killed


class Story:
    def __init__(self) -> None:
        self.told: list[str] = []

    def event(self, kind: str, text: str, *_: Any) -> None:
        self.told.append(f"{kind}: {text}")


@pytest.fixture
def settings(tmp_path: Path) -> RunConfig:
    task = write_task(tmp_path)
    return parse_config(f"evaluation: {{{SIZES}, tasks: [{{task: {task}, limit: 3}}]}}")


@pytest.fixture
def job(resident: Resident, settings: RunConfig, tmp_path: Path) -> Job:
    """Iteration 1 beside the baseline, both measured at the run's own size."""
    paths, task = RunPaths(tmp_path / "run"), _small(build_task(settings, resident))
    able = Capability.of(settings.evaluation)
    before = None
    for index in (0, 1):
        found = evaluate(resident, task, settings, baseline=before, capability=able)
        before = before or found
        with staged(paths.iteration(index)) as folder:
            resident.save_policy(folder / "adapter")
            write_evaluation(folder, found)
        stir(resident, scale=0.3)
    story: Any = Story()
    helm: Any = Quiet()
    return Job(1, 0, 0, settings, paths, story, helm, resident, task, able)


def _small(task: Task) -> Task:
    probes = tuple(replace(probe, questions=probe.questions[:2]) for probe in task.probes)
    return replace(task, held_out_pairs=task.held_out_pairs[:4], held_out_text=task.held_out_text[:4], probes=probes)


def metrics(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())["metrics"]
    return found


@pytest.fixture(autouse=True)
def _six_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that there is, in this test: six prompts instead of the two of each iteration."""

    def whole(config: RunConfig, *rest: Any) -> Task:
        task = build_task(config, *rest)
        return replace(_small(task), eval_prompts=task.eval_prompts[: min(6, config.evaluation.prompts)])

    monkeypatch.setattr(final, "build_task", whole)


def test_every_prompt_and_item_is_measured_whatever_the_limits_of_each_iteration(job: Job) -> None:
    assert final.run(job) == {"path": "final"}
    verify(job.paths.final)
    for name in ("evaluation.json", "baseline.json"):
        found = metrics(job.paths.final / name)
        assert (found[WIN_RATE]["n"], found["colours"]["n"]) == (6, 9)
    answers = [json.loads(line) for line in (job.paths.final / "answers.jsonl").read_text().splitlines()]
    assert sum(answer["metric"] == "colours" for answer in answers) == 9
    assert not list(job.paths.iterations.glob(".work*"))


def test_a_kill_costs_only_what_was_not_yet_measured(job: Job) -> None:
    helm: Any = job.helm
    calm = replace(job, paths=RunPaths(job.paths.root.with_name("calm")))
    calm.paths.iterations.parent.mkdir()
    calm.paths.iterations.symlink_to(job.paths.iterations)
    final.run(calm)
    whole, helm.beats = helm.beats, 0
    helm.dies_at = whole - 2  # in the selected iteration's tasks: the baseline is whole, most answers are on file
    with pytest.raises(Killed):
        final.run(job)
    assert not job.paths.final.exists()
    helm.beats, helm.dies_at = 0, -1
    final.run(job)
    assert helm.beats < whole - 2
    story: Any = job.ledger
    assert sum("the baseline at full size" in line for line in story.told) == 2, "once in peace, once killed"
    for name in ("evaluation.json", "baseline.json"):
        assert metrics(job.paths.final / name) == metrics(calm.paths.final / name)


def test_the_size_of_each_iteration_will_do_where_the_config_says_so(job: Job) -> None:
    same = job.config.evaluation.model_copy(update={"final": "same"})
    final.run(replace(job, config=job.config.model_copy(update={"evaluation": same})))
    assert metrics(job.paths.final / "evaluation.json")["colours"]["n"] == 3
    assert (job.paths.final / "samples.jsonl").read_text() == (job.paths.iteration(1) / "samples.jsonl").read_text()
