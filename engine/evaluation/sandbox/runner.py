"""One program in a sandbox: the outside, in the engine's process."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.evaluation.sandbox.limits import Limits
from engine.text import one_line

_INSIDE = Path(__file__).parent / "inside" / "main.py"
_GRACE_S = 10.0  # to start a process and to end one, on a loaded machine


@dataclass(frozen=True, slots=True)
class Exam:
    """A program, the name of its function, and tests that define `check(candidate)`; `prelude` is for the tests."""

    program: str
    entry: str
    test: str
    prelude: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why` says what went wrong, safe for a terminal. `ran` is False where the sandbox itself failed."""

    passed: bool
    why: str = ""
    ran: bool = True


def examine(exam: Exam, limits: Limits = Limits()) -> Verdict:  # noqa: B008  (frozen)
    """Whether the tests hold; told within `limits.wall_s` and a grace for starting, whatever the program does."""
    with tempfile.TemporaryDirectory(prefix="pilothouse-sandbox-") as place:
        process = subprocess.Popen(
            [os.path.realpath(sys.executable), "-I", "-S", "-B", str(_INSIDE), json.dumps(asdict(limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=place,
            env={},
            start_new_session=True,
        )
        try:
            said, complaint = process.communicate(json.dumps(asdict(exam)).encode(), limits.wall_s + _GRACE_S)
        except subprocess.TimeoutExpired:
            return Verdict(False, "ran out of time")
        finally:
            _kill(process)
    return _verdict(said, complaint)


@functools.cache
def refusal() -> str:
    """Why nothing can be run here; empty where it can. Found by trying: systems forbid namespaces in many ways."""
    if not sys.platform.startswith("linux"):
        return "the sandbox needs Linux namespaces; leave out tasks that run code, or evaluate on Linux"
    trial = examine(
        Exam("def same(x):\n    return x\n", "same", "def check(candidate):\n    assert candidate(1) == 1\n")
    )
    if trial.passed:
        return ""
    return (
        f"this system allows no sandbox ({trial.why}); run as a user that may create namespaces "
        "(in a container: with CAP_SYS_ADMIN, or a seccomp and AppArmor profile that allows unshare), "
        "or leave out tasks that run code"
    )


def _verdict(said: bytes, complaint: bytes) -> Verdict:
    try:
        found = json.loads(said)
        return Verdict(found["passed"] is True, one_line(str(found["why"])))
    except (ValueError, TypeError, KeyError):
        last = complaint.decode("utf-8", "replace").strip().splitlines()[-1:]
        return Verdict(False, one_line(last[0] if last else "the sandbox ended without a verdict"), ran=False)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The whole group, unless its leader has gone: the examiner, and the process namespace, went with that."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
