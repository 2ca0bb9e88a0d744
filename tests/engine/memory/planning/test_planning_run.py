"""Asking a simulator: one process for many questions, answers kept, and every way in which it can fail to answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.config import RunConfig
from engine.errors import PlanError
from engine.memory.planning import Simulator
from engine.memory.planning.cache import key_of, read
from engine.records import Plan

SCRIPT = """
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    name = asked["config"]["model"]["name"]
    print("a library talks", flush=True)
    print(json.dumps({"progress": "building " + name}), flush=True)
    if name == "dies":
        print("Traceback: the last words", file=sys.stderr, flush=True)
        os._exit(3)
    if name == "odd":
        print(json.dumps({"fault": "odd cannot be built", "remedy": "take another"}), flush=True)
        continue
    sizes = {"allocated": 5, "reserved": 7, "capacity": 6, "parts": {"weights": 5}}
    stage = {"stage": "dpo", "at": str(os.getpid()), **sizes}
    print(json.dumps({"plan": {"model": name, "stages": [stage], "extrapolated": asked["quick"]}}), flush=True)
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def asked(name: str = "m", **training: object) -> RunConfig:
    return RunConfig.model_validate({"model": {"name": name}, "training": training})


def simulator() -> Simulator:
    return Simulator((sys.executable, "-c", SCRIPT))


def test_one_process_answers_many_questions_and_tells_how_far_it_is() -> None:
    told: list[str] = []
    with simulator() as one:
        first = one.simulate(asked(), progress=told.append)
        second = one.simulate(asked(batch_size=3), quick=True, progress=told.append)
    assert told == ["building m", "building m"]
    assert first.peak.at == second.peak.at
    assert (first.extrapolated, second.extrapolated) == (False, True)
    assert first.versions["torch"]


def test_an_answer_is_kept_for_settings_that_cost_the_same_memory() -> None:
    with simulator() as one:
        first = one.simulate(asked(learning_rate=1e-5))
    with Simulator((sys.executable, "-c", "raise SystemExit(9)")) as another:
        assert another.simulate(asked(learning_rate=1e-4, max_steps=7)) == first
        with pytest.raises(PlanError, match="code 9"):
            another.simulate(asked(max_length=100))


def test_the_key_is_of_what_memory_depends_on(tmp_path: Path) -> None:
    base = key_of(asked(), quick=False)
    assert key_of(asked(beta=0.5), quick=False) == base
    assert key_of(asked(), quick=True) != base
    assert key_of(asked(batch_size=2), quick=False) != base
    folder = tmp_path / "model"
    folder.mkdir()
    before = key_of(asked(str(folder)), quick=False)
    (folder / "config.json").write_text("{}")
    assert key_of(asked(str(folder)), quick=False) != before


def test_a_fault_is_told_in_the_simulators_words_and_it_lives_on() -> None:
    with simulator() as one:
        with pytest.raises(PlanError, match="odd cannot be built") as caught:
            one.simulate(asked("odd"))
        assert caught.value.remedy == "take another"
        assert one.simulate(asked()).model == "m"


def test_a_simulator_that_dies_is_told_of_and_started_again() -> None:
    with simulator() as one:
        with pytest.raises(PlanError, match="code 3") as caught:
            one.simulate(asked("dies"))
        assert caught.value.remedy == "Traceback: the last words"
        assert one.simulate(asked()).model == "m"


def test_whoever_gives_up_leaves_no_answer_for_the_next() -> None:
    def give_up(_words: str) -> None:
        raise KeyboardInterrupt

    with simulator() as one:
        with pytest.raises(KeyboardInterrupt):
            one.simulate(asked("first"), progress=give_up)
        assert one.simulate(asked("second")).model == "second"


def test_a_plan_that_was_damaged_on_disk_is_made_again(tmp_path: Path) -> None:
    with simulator() as one:
        made = one.simulate(asked())
        place = tmp_path / "pilothouse" / "plans" / f"{made.key}.json"
        assert read(made.key) == made
        place.write_text(place.read_text()[:40])
        assert read(made.key) is None
        assert isinstance(one.simulate(asked()), Plan)
