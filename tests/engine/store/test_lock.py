"""One engine a run; and alive, dead, orphaned, stopped and hung engines told apart, with real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator

import pytest

from engine.errors import BusyError
from engine.records import Pulse
from engine.store.ledger import Ledger
from engine.store.lock import EngineLock, liveness
from engine.store.paths import RunPaths
from tests.fixtures.processes import child, run, said

HOLDER = """
import sys
from engine.store.lock import EngineLock
from engine.store.paths import find_run
lock = EngineLock.acquire(find_run("tiny"))
print("held", flush=True)
sys.stdin.read()
"""
SECOND = """
import sys
from engine.errors import PilothouseError
from engine.store.lock import EngineLock
from engine.store.paths import find_run
try:
    EngineLock.acquire(find_run("tiny"), sleep=lambda seconds: None)
except PilothouseError as error:
    print(error)
    sys.exit(error.exit_code)
"""
WITH_WORKER = """
import os, sys
from engine.store.lock import EngineLock
from engine.store.paths import find_run
lock = EngineLock.acquire(find_run("tiny"))
hear, tell = os.pipe()
child = os.fork()
if child == 0:
    os.write(tell, b".")  # it runs: what a fork closes is closed
    sys.stdin.read()
    os._exit(0)
os.read(hear, 1)
print(child, flush=True)
sys.stdin.read()
"""
LEAVES_THE_LOCK_TO_A_WORKER = """
import os, sys
from engine.store import lock as module
from engine.store.paths import find_run
lock = module.EngineLock.acquire(find_run("tiny"))
module._held.clear()  # as a worker would that knows nothing of the lock
worker = os.fork()
if worker == 0:
    sys.stdin.read()
    os._exit(0)
print(worker, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def engine(paths: RunPaths) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock."""
    assert paths.root.is_dir()
    with child(HOLDER) as process:
        assert said(process) == "held"
        yield process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


@pytest.mark.slow
def test_a_second_engine_is_refused_with_75(engine: subprocess.Popen[str]) -> None:
    second = run(SECOND)
    assert second.returncode == 75
    assert f"tiny already has an engine (pid {engine.pid}" in second.stdout
    assert "pilothouse attach tiny" in second.stdout
    kill(engine)
    assert run(SECOND).returncode == 0


@pytest.mark.slow
def test_a_killed_engine_is_dead_and_its_lock_can_be_had(engine: subprocess.Popen[str], paths: RunPaths) -> None:
    assert liveness(paths).verdict == "alive"
    kill(engine)
    assert liveness(paths).verdict == "dead"
    EngineLock.acquire(paths).release()


def suspend(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


@pytest.mark.slow
def test_a_suspended_engine_is_stopped(engine: subprocess.Popen[str], paths: RunPaths) -> None:
    suspend(engine)
    found = liveness(paths)
    assert (found.verdict, found.pid, found.host) == ("stopped", engine.pid, socket.gethostname())
    engine.send_signal(signal.SIGCONT)
    os.waitid(os.P_PID, engine.pid, os.WCONTINUED)
    assert liveness(paths).verdict == "alive"


@pytest.mark.slow
def test_an_engine_that_breaks_its_promise_is_hung(engine: subprocess.Popen[str], paths: RunPaths) -> None:
    assert engine.poll() is None
    now = time.time()
    with Ledger.open(paths) as ledger:
        ledger.beat(Pulse(now, "running", promise_s=120.0))
        assert liveness(paths, lambda: now + 119).verdict == "alive"
        found = liveness(paths, lambda: now + 121)
        assert found.verdict == "hung"
        assert found.beat_age_s == pytest.approx(121)
        ledger.beat(Pulse(now - 10_000, "running", promise_s=60.0))  # a dead attempt's: this one has just begun
        assert liveness(paths).verdict == "alive"


@pytest.mark.slow
def test_a_worker_does_not_keep_its_dead_engine_s_lock(paths: RunPaths) -> None:
    with child(WITH_WORKER) as process:
        worker = int(said(process))
        process.kill()
        process.wait()
        assert liveness(paths).verdict == "dead"
        os.kill(worker, signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_that_does_keep_it_is_an_orphan(paths: RunPaths) -> None:
    with child(LEAVES_THE_LOCK_TO_A_WORKER) as process:
        worker = int(said(process))
        assert liveness(paths).verdict == "alive"
        process.kill()
        process.wait()
        assert liveness(paths).verdict == "orphan"
        os.kill(worker, signal.SIGKILL)


def test_a_run_that_nobody_ever_ran_is_dead(paths: RunPaths) -> None:
    assert liveness(paths).verdict == "dead"
    assert liveness(paths).beat_age_s is None


@pytest.mark.usefixtures("umask")
def test_the_file_says_who_holds_it_and_outlives_the_lock(paths: RunPaths) -> None:
    with EngineLock.acquire(paths) as lock:
        assert liveness(paths).pid == os.getpid()
        with pytest.raises(BusyError):
            EngineLock.acquire(paths, sleep=lambda _: None)
        lock.release()
        lock.release()
    written = json.loads(paths.lock.read_text())
    assert (written["pid"], written["host"]) == (os.getpid(), socket.gethostname())
    assert stat.S_IMODE(paths.lock.stat().st_mode) == 0o600


def test_a_look_from_outside_does_not_refuse_an_engine_that_starts(paths: RunPaths) -> None:
    looking = EngineLock.acquire(paths)
    with EngineLock.acquire(paths, sleep=lambda _: looking.release()):
        assert liveness(paths).verdict == "alive"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}'])
def test_a_holder_that_cannot_be_read_is_alive(paths: RunPaths, content: bytes) -> None:
    with EngineLock.acquire(paths):
        paths.lock.write_bytes(content)
        assert liveness(paths).verdict == "alive"


def test_a_holder_on_another_host_is_judged_by_its_heartbeat_alone(paths: RunPaths) -> None:
    with EngineLock.acquire(paths):
        holder = json.loads(paths.lock.read_text()) | {"host": "elsewhere", "pid": 2**22 + 1}
        paths.lock.write_text(json.dumps(holder))
        assert liveness(paths).verdict == "alive"
        assert liveness(paths, lambda: time.time() + 3600).verdict == "hung"
