"""Who runs a run: the engine's lock, held for life, and what can be told of its holder from outside.

The lock is `flock` on `engine.lock`, which the kernel drops with its holder however that ends. The file says who holds
it (pid, process start time, boot, host) and is never unlinked: a lock on a name that is gone guards nothing. A forked
data-loader worker would keep the lock alive after a kill of its parent, so that children close it at the fork.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from engine.errors import BusyError, StoreError
from engine.store.atomic import space_errors
from engine.store.paths import RunPaths
from engine.store.reader import Reader

Verdict = Literal["alive", "dead", "orphan", "stopped", "hung"]

_TRIES = 5  # a look from outside holds the lock for microseconds; an engine that starts just then tries again
_BETWEEN_TRIES_S = 0.02
_held: set[int] = set()


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that cannot be mistaken for a later one with its pid. `start` is in clock ticks since the boot."""

    pid: int
    start: int | None
    boot: str
    host: str
    t: float


@dataclass(frozen=True, slots=True)
class Liveness:
    """What is known of a run's engine, and since how many seconds it has not beaten (None: it never has).

    alive; dead: nobody holds the lock; orphan: a worker that outlived its engine holds it; stopped: suspended (^Z,
    SIGSTOP); hung: it holds the lock and broke its heartbeat's promise.
    """

    verdict: Verdict
    pid: int | None = None
    host: str = ""
    beat_age_s: float | None = None


class EngineLock:
    """The right to be a run's engine. Kept until `release` or the end of the process."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def acquire(cls, paths: RunPaths, sleep: Callable[[float], None] = time.sleep) -> EngineLock:
        """Raises BusyError where the run has an engine, StoreError where the file cannot be had."""
        with space_errors(paths.lock):
            handle = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if not _try_often(handle, sleep):
                    raise _busy(paths)
                _write(handle, _myself())
            except BaseException:
                os.close(handle)
                raise
        _held.add(handle)
        return cls(handle)

    def release(self) -> None:
        if self._handle in _held:
            _held.discard(self._handle)
            os.close(self._handle)

    def __enter__(self) -> EngineLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.release()


def _close_in_child() -> None:
    while _held:
        with suppress(OSError):
            os.close(_held.pop())  # not LOCK_UN: that would take the parent's lock away too


os.register_at_fork(after_in_child=_close_in_child)


def liveness(paths: RunPaths, clock: Callable[[], float] = time.time) -> Liveness:
    """Look at the lock, the process table and the heartbeat. Raises nothing: what cannot be read is not known."""
    age, promise = _beat(paths, clock())
    if not _is_locked(paths.lock):
        return Liveness("dead", beat_age_s=age)
    holder = _read(paths.lock)
    if holder is None:  # it took the lock this moment and has not written itself down yet
        return Liveness("alive", beat_age_s=age)
    silent = clock() - holder.t if age is None else min(age, clock() - holder.t)
    verdict: Verdict = "hung" if silent > promise else "alive"
    if holder.host == socket.gethostname():
        verdict = _of_process(holder) or verdict
    return Liveness(verdict, holder.pid, holder.host, age)


def _of_process(holder: Holder) -> Verdict | None:
    """What the process table of this machine says against the holder, if anything."""
    found = _stat(holder.pid)
    if found is None:
        return None if _exists(holder.pid) else "orphan"
    state, start = found
    if state in "ZX" or (holder.start is not None and start != holder.start) or holder.boot != _boot():
        return "orphan"
    return "stopped" if state in "Tt" else None


def _beat(paths: RunPaths, now: float) -> tuple[float | None, float]:
    """Seconds since the last heartbeat, and how many the engine may take."""
    with suppress(StoreError), Reader(paths.ledger) as reader:
        pulse = reader.pulse()
        if pulse is not None:
            return max(0.0, now - pulse.t), pulse.promise_s
    return None, 60.0


def _is_locked(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return not _try(file.fileno(), fcntl.LOCK_SH)
    return False


def _try_often(handle: int, sleep: Callable[[float], None]) -> bool:
    for _ in range(_TRIES - 1):
        if _try(handle, fcntl.LOCK_EX):
            return True
        sleep(_BETWEEN_TRIES_S)
    return _try(handle, fcntl.LOCK_EX)


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy(paths: RunPaths) -> BusyError:
    holder = _read(paths.lock)
    who = f" (pid {holder.pid} on {holder.host})" if holder else ""
    return BusyError(f"{paths.name} already has an engine{who}", remedy=f"pilothouse attach {paths.name}")


def _myself() -> Holder:
    found = _stat(os.getpid())
    return Holder(os.getpid(), found[1] if found else None, _boot(), socket.gethostname(), time.time())


def _write(handle: int, holder: Holder) -> None:
    text = json.dumps(asdict(holder)).encode()
    os.pwrite(handle, text.ljust(512), 0)  # over the last holder's, never empty in between
    os.fsync(handle)


def _read(path: Path) -> Holder | None:
    try:
        raw = json.loads(path.read_bytes()[:4096])
        start = None if raw["start"] is None else int(raw["start"])
        return Holder(int(raw["pid"]), start, str(raw["boot"]), str(raw["host"]), float(raw["t"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _stat(pid: int) -> tuple[str, int] | None:
    """(state, start time) of a process, from Linux's /proc; None where there is no such process or no /proc."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return after_name[0], int(after_name[19])
    except (OSError, IndexError, ValueError):
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
