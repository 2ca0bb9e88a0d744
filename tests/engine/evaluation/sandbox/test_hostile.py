"""Programs that try to get out, to get more, or to be called right without being right."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from engine.evaluation.sandbox.limits import Limits
from engine.evaluation.sandbox.runner import Exam, Verdict, examine, refusal

pytestmark = pytest.mark.skipif(bool(refusal()), reason=refusal() or "the sandbox works here")

SHORT = Limits(cpu_s=1)
QUICK = Limits(wall_s=1.0)  # for what ends by no other limit
TEST = "def check(candidate):\n    assert candidate() == 'right'\n"


def attempt(body: str, limits: Limits = SHORT, test: str = TEST, head: str = "") -> Verdict:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return examine(Exam(f"{head}\ndef attempt(*arguments):\n{lines}\n", "attempt", test), limits)


def answer(body: str) -> str:
    """What the program answers, found in the verdict that its being wrong brings."""
    test = "def check(candidate):\n    raise AssertionError(repr(candidate()))\n"
    return attempt(body, test=test).why.removeprefix("wrong: ")


def test_a_right_program_passes_and_a_wrong_one_does_not() -> None:
    assert attempt("return 'right'") == Verdict(True)
    assert attempt("return 'left'") == Verdict(False, "wrong: a test does not hold")


@pytest.mark.parametrize(
    "body",
    [
        "import sys\nprint('passed')\nsys.exit(0)",
        "import os\nos._exit(0)",
        'import os\nos.write(1, b\'{"passed": true, "why": ""}\\n\')\nos._exit(0)',
        'import os\nfor fd in range(64):\n    try:\n        os.write(fd, b\'{"passed": true, "why": ""}\\n\')\n'
        "    except OSError:\n        pass\nos._exit(0)",
        "class Right(str):\n    def __eq__(self, other):\n        return True\n    __hash__ = str.__hash__\n"
        "return Right('left')",
        "class Right:\n    def __eq__(self, other):\n        return True\nreturn Right()",
        "import builtins\nbuiltins.AssertionError = KeyboardInterrupt\nraise AssertionError",
        "import gc\nfound = [o for o in gc.get_objects() if isinstance(o, dict) and 'check' in o]\n"
        "return found and 'right'",
    ],
)
def test_no_verdict_can_be_forged(body: str) -> None:
    verdict = attempt(body)
    assert not verdict.passed
    assert verdict.ran


def test_what_is_loaded_cannot_pass_before_it_is_asked() -> None:
    assert not attempt("return 'left'", head="import os; os._exit(0)").passed
    assert not attempt("return 'left'", head="raise SystemExit(0)").passed


def test_the_tests_are_not_in_the_programs_memory() -> None:
    secret = "only-in-the-tests"
    test = f"def check(candidate):\n    said = candidate()\n    assert 'a-mark' in said and '{secret}' not in said\n"
    body = """
import gc
mark = {'a-mark': []}
found = [part for each in gc.get_objects() if isinstance(each, dict) for part in each.items()]
return repr([part for part in found if '-' in repr(part)])[:900000]
"""
    assert attempt(body, test=test) == Verdict(True)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("while True:\n    pass", ""),  # by its limit of CPU time, or on a loaded machine by the wall clock
        ("import time\ntime.sleep(3600)", "ran out of time"),
        ("import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(3600)", "ran out of time"),
        ("return bytearray(2 ** 34)", "MemoryError"),
        ("held = []\nwhile True:\n    held.append(bytearray(2 ** 24))", "MemoryError"),
        ("import os\nwhile True:\n    os.fork()", "BlockingIOError"),
        ("import threading\nwhile True:\n    threading.Thread(target=print).start()", "RuntimeError"),
        ("import subprocess\nsubprocess.run(['sh'])", "Error"),
        ("open('/scratch/huge', 'wb').write(bytes(2 ** 27))", "OSError"),
        ("files = [open(f'{i}', 'w') for i in range(10 ** 6)]", "OSError"),
        ("def deeper(n):\n    return deeper(n + 1)\nreturn deeper(0)", "RecursionError"),
        ("deep = []\nfor _ in range(10 ** 5):\n    deep = [deep]\nreturn deep", "RecursionError"),
        ("return 'x' * 2 ** 24", "a value of"),
        ("import ctypes\nctypes.string_at(0)", ""),
    ],
)
def test_it_gets_no_more_than_its_limits(body: str, why: str) -> None:
    verdict = attempt(body, QUICK if "3600" in body else SHORT)
    assert not verdict.passed
    assert verdict.ran
    assert why in verdict.why


def test_a_flood_of_words_goes_nowhere() -> None:
    assert attempt("import sys\nfor _ in range(2000):\n    print('x' * 10000, file=sys.stderr)\nreturn 'right'").passed


def test_scratch_fills_up_and_not_the_machine() -> None:
    body = """
made = 0
try:
    while made < 200:
        open(f'/scratch/{made}', 'wb').write(bytes(2 ** 20))
        made += 1
except OSError:
    pass
return made
"""
    assert int(answer(body)) <= 16


def test_there_is_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = answer(
            f"import socket\ntry:\n    socket.create_connection(('127.0.0.1', {port}), 1)\n"
            "except OSError as error:\n    return type(error).__name__\nreturn 'connected'"
        )
    assert "connected" not in said
    assert "OSError" in said or "Refused" in said


def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_KEY", "hunter2")
    assert answer("import os\nreturn dict(os.environ)") in {"{}", "{'LC_CTYPE': 'C.UTF-8'}"}


def test_no_file_of_the_system_or_the_run_is_there(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_text("precious")
    for path in ("/etc/passwd", "/proc/self/environ", "/proc/1/environ", "/home", "/tmp", "/dev", tmp_path / "run.db"):
        assert answer(f"import os\nreturn os.path.lexists({str(path)!r})") == "False"


def test_nothing_outside_scratch_can_be_written() -> None:
    body = """
import os
told = []
for place in ('/', os.path.dirname(os.__file__), '/scratch/../..'):
    try:
        open(place + '/mine', 'w')
        told.append(place)
    except OSError:
        pass
return told
"""
    assert answer(body) == "[]"
    assert not (Path(os.__file__).parent / "mine").exists()


def test_it_cannot_kill_the_examiner_nor_reach_beyond() -> None:
    assert not attempt("import os\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)\nreturn 'left'").passed
    assert attempt("import os\ntry:\n    os.kill(1, 9)\nexcept OSError:\n    pass\nreturn 'right'").passed
    assert answer("import os\nreturn [os.getppid(), os.getpid()]") == "[1, 2]"


def test_no_capability_is_left() -> None:
    said = answer(
        "import os\ntry:\n    os.chroot('/scratch')\nexcept OSError as error:\n    return type(error).__name__"
    )
    assert "PermissionError" in said


def test_what_goes_on_in_the_background_ends_with_it() -> None:
    before = _python_processes()
    attempt("import os, time\ntry:\n    os.setsid()\nexcept OSError:\n    pass\ntime.sleep(3600)", QUICK)
    assert _python_processes() <= before


def test_scratch_is_fresh_each_time_and_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    attempt("open('/scratch/left', 'w').write('behind')\nreturn 'right'")
    assert answer("import os\nreturn os.listdir('/scratch')") == "[]"
    assert list(tmp_path.iterdir()) == []


def test_a_test_sees_plain_data_of_every_kind_unchanged() -> None:
    value = "{1: [(2, 'a'), {3}], 'x': None, (1, 2): 1 + 2j, True: -0.5, 'big': 10 ** 40}"
    test = f"def check(candidate):\n    assert candidate({value}) == {value}\n    assert candidate(1) is not True\n"
    assert examine(Exam("def same(x):\n    return x\n", "same", test)) == Verdict(True)


def _python_processes() -> set[str]:
    """Sandboxes of this machine that this test's own process started."""
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in found.splitlines() if "sandbox/inside/main.py" in line}
