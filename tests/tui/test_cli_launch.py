"""`demo`, `run` and `resume` with an engine that only signs in: what is made, what is refused, what is left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from engine.config import RunConfig, load_config
from engine.errors import PlanError
from engine.records import Plan
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.plans import read_plan
from tests.fixtures.recorded import alive, write_run
from tests.tui.fakes import Simulated, planner
from tui.cli import main
from tui.commands import launch

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def started(runs: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunPaths]:
    """The runs that an engine was started on."""
    engines: list[RunPaths] = []

    def sign_in(paths: RunPaths) -> int:
        engines.append(paths)
        with Ledger.open(paths) as ledger:
            ledger.begin_attempt("sha")
        return 1

    monkeypatch.setattr(launch, "start_engine", sign_in)
    return engines


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text("recipe: dpo\ntraining: {beta: 0.2}\n")
    return str(path)


def test_a_run_is_named_after_its_config_and_keeps_it_resolved(
    config: str, started: list[RunPaths], runs: Path, capsys: Printed
) -> None:
    assert main(["run", config, "--no-attach", "--set", "max_steps=7", "--decide", "90"]) == 0
    assert [paths.root for paths in started] == [runs / "mine"]
    kept = load_config(runs / "mine" / "config.yaml")
    assert (kept.training.beta, kept.training.max_steps, kept.decide) == (0.2, 7, 90)
    assert "pilothouse attach mine" in capsys.readouterr().out


def test_a_second_run_of_a_config_takes_the_next_free_name(config: str, started: list[RunPaths]) -> None:
    assert [main(["run", config, "--no-attach"]) for _ in range(2)] == [0, 0]
    assert [paths.name for paths in started] == ["mine", "mine-2"]


def test_a_name_that_is_taken_is_refused(config: str, started: list[RunPaths], capsys: Printed) -> None:
    assert main(["run", config, "--no-attach", "--name", "one"]) == 0
    assert main(["run", config, "--no-attach", "--name", "one"]) == 2
    assert "already a run 'one'" in capsys.readouterr().err
    assert len(started) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--name=../etc"],
        ["--name=a b"],
        ["--name=.hidden"],
        ["--set", "learning_rat=1e-5"],
        ["--set", "beta=no"],
        ["--decide", "perhaps"],
        ["--decide", "-4"],
        ["--set", "data.source=file", "--set", "data.path=nowhere.jsonl"],
        ["--set", "model.name=./nowhere"],
    ],
)
def test_a_refused_run_leaves_nothing_behind(
    words: list[str], config: str, started: list[RunPaths], runs: Path, capsys: Printed
) -> None:
    assert main(["run", config, "--no-attach", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith("pilothouse: ")) == ("", True)
    assert not runs.exists()
    assert started == []


def test_an_engine_that_does_not_come_up_is_said_with_its_last_words(
    config: str, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setattr(launch, "_START_S", 0.0)
    monkeypatch.setattr(launch, "start_engine", lambda paths: paths.engine_log.write_text("no module named torch\n"))
    assert main(["run", config, "--no-attach"]) == 1
    err = capsys.readouterr().err
    assert "did not start" in err
    assert "no module named torch" in err


def test_a_demo_comes_in_two_scenarios(started: list[RunPaths]) -> None:
    for scenario in ("steady", "overshoot"):
        assert main(["demo", "--scenario", scenario, "--no-attach", "--decide", "auto"]) == 0
    assert [paths.name for paths in started] == ["demo", "demo-2"]
    first, second = (load_config(paths.config) for paths in started)
    assert (first.decide, first.model.name, second.model.name) == ("auto", "demo", "demo")
    assert first.training != second.training


def test_a_recipe_that_is_not_there_is_said_so(started: list[RunPaths], runs: Path, capsys: Printed) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["demo", "--recipe", "grpo", "--no-attach"])
    assert "grpo" in capsys.readouterr().err
    assert (started, runs.exists()) == ([], False)


def test_each_recipe_has_its_demo(started: list[RunPaths], runs: Path) -> None:
    for scenario in ("steady", "overshoot"):
        assert main(["demo", "--recipe", "rlhf", "--scenario", scenario, "--no-attach"]) == 0
    steady, overshoot = (load_config(paths.config) for paths in started)
    assert [paths.name for paths in started] == ["demo-rlhf", "demo-rlhf-2"]
    assert {steady.recipe, overshoot.recipe} == {"rlhf"}
    assert steady.ppo.adaptive
    assert not overshoot.ppo.adaptive


def test_a_missing_config_of_the_demo_is_said_so(
    started: list[RunPaths], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setattr(launch, "CONFIGS", tmp_path / "elsewhere")
    assert main(["demo", "--no-attach"]) == 2
    assert "demo-steady.yaml" in capsys.readouterr().err


def test_a_lost_run_is_resumed(started: list[RunPaths]) -> None:
    paths = write_run("lost", "gone")
    assert main(["resume", "gone", "--no-attach"]) == 0
    assert started == [paths]


def test_a_run_with_an_engine_is_not_given_a_second(started: list[RunPaths], capsys: Printed) -> None:
    with alive(write_run("running", "busy")):
        assert main(["resume", "busy", "--no-attach"]) == 75
    assert "pilothouse attach busy" in capsys.readouterr().err
    assert started == []


def test_a_completed_run_has_nothing_to_resume(started: list[RunPaths], capsys: Printed) -> None:
    write_run("completed", "done")
    assert main(["resume", "done", "--no-attach"]) == 2
    assert "nothing is left to resume" in capsys.readouterr().err
    assert started == []


@pytest.fixture
def on_a_card(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[RunConfig], Plan]], None]:
    def plan_by(simulate: Callable[[RunConfig], Plan]) -> None:
        monkeypatch.setattr(launch, "Planner", lambda: planner(simulate))

    return plan_by


@pytest.mark.usefixtures("started")
def test_a_run_that_nobody_looks_at_has_its_plan_too(
    config: str, runs: Path, on_a_card: Callable[[Callable[[RunConfig], Plan]], None]
) -> None:
    on_a_card(Simulated())
    assert main(["run", config, "--no-attach"]) == 0
    assert read_plan(RunPaths(runs / "mine")) == Simulated()(load_config(runs / "mine" / "config.yaml"))


@pytest.mark.usefixtures("started")
def test_no_plan_is_no_fault_of_a_run_that_has_begun(
    config: str, runs: Path, on_a_card: Callable[[Callable[[RunConfig], Plan]], None], capsys: Printed
) -> None:
    def fails(_: RunConfig) -> Plan:
        raise PlanError("the simulator ended with code 3 and no answer")

    on_a_card(fails)
    assert main(["run", config, "--no-attach"]) == 0
    assert read_plan(RunPaths(runs / "mine")) is None
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("started")
def test_a_plan_that_does_not_come_is_not_waited_for(
    config: str,
    runs: Path,
    on_a_card: Callable[[Callable[[RunConfig], Plan]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = Event()

    def never(_: RunConfig) -> Plan:
        over.wait()
        raise PlanError("too late")

    monkeypatch.setattr(launch, "_PLAN_S", 0.01)
    on_a_card(never)
    assert main(["run", config, "--no-attach"]) == 0
    assert read_plan(RunPaths(runs / "mine")) is None
    over.set()
