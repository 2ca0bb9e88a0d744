"""Starting an engine and sending it commands."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from engine.errors import BusyError, ConfigError, DecisionError, UsageError
from engine.store.control import Inbox
from engine.store.paths import list_runs
from tests.fixtures.recorded import alive, write_run
from tui.client import Client, begin, start_engine

pytestmark = pytest.mark.usefixtures("runs")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of Python: a program that says how it was started."""
    program = tmp_path / "engine.sh"
    program.write_text(
        '#!/bin/sh\necho "args: $@"\necho "session: $(ps -o sid= -p $$)"\necho "input: $(cat | wc -c)"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return program


def words(log: Path, until: str) -> str:
    end = time.monotonic() + 10
    while until not in (text := log.read_text() if log.exists() else ""):
        assert time.monotonic() < end, text
        os.sched_yield()
    return text


@pytest.mark.usefixtures("engine")
def test_an_engine_is_on_its_own_with_its_words_in_a_private_log() -> None:
    paths = write_run("lost")
    pid = start_engine(paths)
    said = words(paths.engine_log, "input:")
    assert f"args: -m engine {paths.root.resolve()}" in said
    assert f"session: {pid}" in " ".join(said.split())
    assert "input: 0" in said
    assert paths.engine_log.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("engine")
def test_a_config_becomes_a_run_with_an_engine(tmp_path: Path) -> None:
    config = tmp_path / "tiny.yaml"
    config.write_text("# a tiny one\ntraining: {beta: 0.3}\n")
    paths = begin(config, "tiny")
    assert paths.name == "tiny"
    assert "beta: 0.3" in paths.config.read_text()
    words(paths.engine_log, "args:")


@pytest.mark.parametrize(
    ("text", "name", "error"),
    [("training: {betta: 0.3}", "tiny", ConfigError), ("training: {}", "../up", UsageError)],
)
@pytest.mark.usefixtures("engine")
def test_what_is_wrong_is_found_before_anything_is_made(
    tmp_path: Path, text: str, name: str, error: type[Exception]
) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text(text)
    with pytest.raises(error):
        begin(config, name)
    assert list_runs() == []


def test_a_command_is_written_down() -> None:
    client = Client(write_run("lost"))
    sent = client.send("set", {"beta": 0.2}, why="drift")
    [found] = Inbox(client.paths).pending()
    assert found == sent
    assert (found.kind, dict(found.arg), found.why) == ("set", {"beta": 0.2}, "drift")


def test_a_readonly_client_sends_nothing_and_starts_nothing() -> None:
    client = Client(write_run("lost"), readonly=True)
    with pytest.raises(DecisionError, match="only looks"):
        client.send("stop")
    with pytest.raises(DecisionError, match="only looks"):
        client.resume()
    assert Inbox(client.paths).pending() == []


def test_a_run_with_an_engine_gets_no_second_one() -> None:
    paths = write_run("running")
    with alive(paths), pytest.raises(BusyError, match="has an engine"):
        Client(paths).resume()


def test_last_words_are_clean_and_few() -> None:
    paths = write_run("lost")
    client = Client(paths)
    assert client.last_words() == ()
    paths.engine_log.write_bytes(b"x" * 20_000 + b"\n\n" + b"".join(b"line %d\x1b[2J\xff\n" % n for n in range(9)))
    said = client.last_words(3)
    assert [line.split("␛")[0] for line in said] == ["line 6", "line 7", "line 8"]
    assert not any("\x1b" in line for line in said)
