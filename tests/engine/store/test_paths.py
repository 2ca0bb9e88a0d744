"""Names, places, and runs that appear whole or not at all."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.store.paths import RunPaths, check_name, create_run, find_run, list_runs, runs_root, unused_name


@pytest.mark.parametrize("name", ["a", "Run-1.2_x", "7", "x" * 64])
def test_a_plain_name_is_a_name(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", ".hidden", "-x", "a/b", "../up", "x" * 65, "a b", "ä", "a\n", "a\x1b]0;x\x07"])
def test_a_name_that_is_a_path_or_worse_is_refused_in_words(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a run's name") as caught:
        check_name(name)
    assert "letters, digits" in caught.value.remedy
    assert "\x1b" not in str(caught.value)


def test_runs_live_where_the_variable_says() -> None:
    assert runs_root({"PILOTHOUSE_RUNS": "/data/runs"}) == Path("/data/runs")
    assert runs_root({}) == Path("runs")
    assert runs_root({"PILOTHOUSE_RUNS": ""}) == Path("runs")


@pytest.mark.usefixtures("umask")
def test_a_new_run_is_private_whatever_the_umask(runs: Path) -> None:
    paths = create_run("mine", "recipe: dpo\n")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [paths.root, *paths.root.iterdir()]}
    assert modes == {"mine": 0o700, "iterations": 0o700, "config.yaml": 0o600, "run.db": 0o600, "control.db": 0o600}
    assert paths.config.read_text() == "recipe: dpo\n"
    assert [path.name for path in runs.iterdir()] == ["mine"]


def test_a_taken_name_is_refused_and_the_run_stays_as_it_was(paths: RunPaths, runs: Path) -> None:
    with pytest.raises(UsageError, match="already a run 'tiny'"):
        create_run("tiny", "other: true\n")
    assert paths.config.read_text() == "recipe: dpo\n"
    assert [path.name for path in runs.iterdir()] == ["tiny"]


def test_of_several_who_take_one_name_at_once_one_wins(runs: Path) -> None:
    def attempt(text: str) -> str:
        try:
            create_run("contested", text)
        except UsageError:
            return "refused"
        return text

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(attempt, [f"run: {i}\n" for i in range(8)]))
    assert results.count("refused") == 7
    assert RunPaths(runs / "contested").config.read_text() in results
    assert [path.name for path in runs.iterdir()] == ["contested"]


@pytest.mark.usefixtures("paths")
def test_an_unused_name_counts_on_and_stays_legal() -> None:
    assert unused_name("other") == "other"
    assert unused_name("tiny") == "tiny-2"
    create_run("tiny-2", "")
    assert unused_name("tiny") == "tiny-3"
    assert len(unused_name("x" * 64)) <= 64


def test_a_run_is_found_by_name_and_by_path(paths: RunPaths) -> None:
    assert find_run("tiny").root.resolve() == paths.root.resolve()
    assert find_run(str(paths.root)).name == "tiny"
    assert find_run(f"{paths.root}/").ledger.exists()


@pytest.mark.usefixtures("paths")
def test_a_misspelt_run_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="no run 'tinny'") as caught:
        find_run("tinny")
    assert "tiny" in caught.value.remedy


def test_what_is_not_a_run_says_so(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run"):
        find_run(f"{tmp_path}/")
    with pytest.raises(UsageError, match="no run") as caught:
        find_run("ghost")
    assert "pilothouse demo" in caught.value.remedy
    assert list_runs() == []


def test_runs_are_listed_newest_first_and_strange_things_left_out(runs: Path) -> None:
    for age, name in enumerate(["new", "middle", "old"]):
        os.utime(create_run(name, "").config, (1000 - age, 1000 - age))
    (runs / "notes.txt").write_text("no run")
    (runs / "empty").mkdir()
    assert [run.name for run in list_runs()] == ["new", "middle", "old"]


def test_the_config_s_hash_is_its_bytes(paths: RunPaths) -> None:
    before = paths.config_sha()
    assert len(before) == 64
    paths.config.write_text("recipe: dpo\n\n")
    assert paths.config_sha() != before
