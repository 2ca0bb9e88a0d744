"""The stand-in library compiled, and a process that reads it through the real nvidia-ml-py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.records import Memory

SOURCE = Path(__file__).with_name("nvml_standin.c")
SERVER = Path(__file__).with_name("sampler_server.py")
ROOT = Path(__file__).parents[3]


def compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def build(folder: Path) -> Path:
    """`folder` with libnvidia-ml.so.1 in it."""
    library = folder / "libnvidia-ml.so.1"
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-Wl,-soname,libnvidia-ml.so.1"]
    subprocess.run([compiler() or "cc", *flags, str(SOURCE), "-o", str(library)], check=True)
    return folder


@dataclass(frozen=True)
class Answer:
    cards: tuple[Memory, ...]
    reason: str
    asking: bool

    @property
    def card(self) -> Memory:
        return self.cards[0]


class Machine:
    """A machine with stand-in cards: `becomes` changes it, the rest talks to a Sampler in a process of its own."""

    def __init__(self, library: Path | None, state: Path, visible: str | None = None) -> None:
        self._state = state
        self.becomes("")
        environ = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
        environ |= {"NVML_STANDIN": str(state), "PYTHONPATH": str(ROOT)}
        environ |= {} if library is None else {"LD_LIBRARY_PATH": str(library)}
        environ |= {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
        command = [sys.executable, str(SERVER)]
        self._process = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def becomes(self, lines: str) -> None:
        fresh = self._state.with_suffix(".new")
        fresh.write_text(lines)
        fresh.replace(self._state)

    def read(self, *, at: float = 0.0) -> Answer:
        """A whole poll at this time, and what is known after it."""
        self.tell("at", at)
        self.tell("ask")
        return self.tell("wait")

    @property
    def pid(self) -> int:
        """The process that reads, as a card's list of processes would name it."""
        return self._process.pid

    def tell(self, verb: str, *arguments: object) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([verb, *arguments]) + "\n")
        self._process.stdin.flush()
        raw = json.loads(self._process.stdout.readline())
        return Answer(tuple(Memory.parse(card) for card in raw["cards"]), raw["reason"], raw["asking"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
