"""Ask the simulator, which is a process of its own: it needs torch, and whoever asks must not.

A question is one line of JSON, `{"config": …, "quick": bool}`; so is the answer: `{"plan": …}`, or `{"fault": words,
"remedy": words}`, after any number of `{"progress": words}`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, TYPE_CHECKING, Any

from engine.errors import PlanError
from engine.memory.planning import cache
from engine.records import Plan
from engine.text import one_line

if TYPE_CHECKING:
    from engine.config import RunConfig

Progress = Callable[[str], None]
"""Told in words what is being simulated; may raise to give up."""

COMMAND = (sys.executable, "-m", "engine.simulation")


def simulate(config: RunConfig, *, quick: bool = False, progress: Progress | None = None) -> Plan:
    """What the run of `config` needs of a card, from the cache where it has been asked before.

    `quick` takes two and four layers for all of them. Raises PlanError where the model cannot be built.
    """
    with Simulator() as simulator:
        return simulator.simulate(config, quick=quick, progress=progress)


class Simulator:
    """A simulator that stays: its process starts at the first question that the cache cannot answer."""

    def __init__(self, command: tuple[str, ...] = COMMAND, environ: dict[str, str] | None = None) -> None:
        self._command, self._environ = command, environ
        self._process: subprocess.Popen[str] | None = None
        self._words: IO[str] | None = None
        self._lock = Lock()

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def warm(self) -> None:
        """Start the process now, so that the first answer need not wait for its imports."""
        with self._lock:
            self._start()

    def simulate(self, config: RunConfig, *, quick: bool = False, progress: Progress | None = None) -> Plan:
        """As the function of that name. Raises PlanError also where the process dies; the next question restarts it."""
        key = cache.key_of(config, quick=quick)
        known = cache.read(key)
        if known is not None:
            return known
        with self._lock:
            answer = self._ask({"config": config.model_dump(mode="json"), "quick": quick}, progress)
        plan = Plan.parse({**answer, "key": key, "versions": cache.versions()})
        cache.write(plan)
        return plan

    def close(self) -> None:
        """End the process, also in the middle of an answer."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, self._words):
            with suppress(OSError):
                if pipe:
                    pipe.close()

    def _ask(self, question: dict[str, Any], progress: Progress | None) -> dict[str, Any]:
        process = self._start()
        try:
            _write(process.stdin, question)
            for line in _lines(process.stdout):
                if "progress" in line:
                    if progress:
                        progress(line["progress"])
                elif "fault" in line:
                    raise PlanError(line["fault"], remedy=line.get("remedy", ""))
                else:
                    return dict(line["plan"])
        except PlanError:
            raise
        except BaseException:  # whoever waited gave up, and an answer that nobody took would go to the next question
            self.close()
            raise
        code, words = process.wait(), self._last_words()
        self.close()
        raise PlanError(f"the simulator ended with code {code} and no answer", remedy=words)

    def _start(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._words = TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  (closed by close)
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                text=True,
                encoding="utf-8",
                env=self._environ,
                start_new_session=True,  # Ctrl-C in the terminal is the asker's to obey
            )
        return self._process

    def _last_words(self) -> str:
        """The last line that a simulator left on its way out."""
        if self._words is None:
            return ""
        self._words.seek(0)
        lines = [line for line in self._words.read().splitlines() if line.strip()]
        return one_line(lines[-1], 200) if lines else ""


def _write(pipe: IO[str] | None, question: dict[str, Any]) -> None:
    assert pipe is not None
    with suppress(BrokenPipeError):  # it died: its silence and its exit code say so
        pipe.write(json.dumps(question) + "\n")
        pipe.flush()


def _lines(pipe: IO[str] | None) -> Iterator[dict[str, Any]]:
    """Whatever is not an object of JSON is a library talking to itself."""
    assert pipe is not None
    for line in pipe:
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found
