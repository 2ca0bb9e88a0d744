"""A program in a pseudo-terminal that answers as a modern one does, and what it costs: time, bytes, CPU, memory."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.bench.screen import Screen

_ASKS_SYNC = b"\x1b[?2026$p"
_KNOWS_SYNC = b"\x1b[?2026;2$y"
FRAME_END = b"\x1b[?2026l"
"""The end of one synchronised update: Textual wraps each frame in such a pair for terminals that know it."""


class Terminal:
    """Run `argv` on a pseudo-terminal. Times are seconds since the program was started."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], columns: int = 120, rows: int = 40) -> None:
        self.screen = Screen(columns, rows)
        self.received = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tail = b""
        self._started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(argv[0], list(argv), {**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"})
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self.pid, signal.SIGKILL)  # what a terminal's end costs is another test's matter
        os.waitpid(self.pid, 0)
        os.close(self._fd)

    @property
    def now(self) -> float:
        return time.perf_counter() - self._started

    def wait(self, happened: Callable[[bytes], bool], timeout: float = 30.0) -> float:
        """Read until `happened(chunk)`; when that was. Raises TimeoutError with what is on the screen."""
        end = self.now + timeout
        while self.now < end:
            chunk = self._read(end - self.now)
            if chunk and happened(chunk):
                return self.now
        raise TimeoutError(f"not seen within {timeout} s; on the screen:\n{self.screen.text}")

    def wait_text(self, text: str, timeout: float = 30.0) -> float:
        return 0.0 if text in self.screen.text else self.wait(lambda _: text in self.screen.text, timeout)

    def settle(self, of: Callable[[], object], quiet: float = 1.0, timeout: float = 30.0) -> float:
        """When `of()` last changed, once it has stayed as it is for `quiet` seconds."""
        last, changed = of(), self.now
        while self.now - changed < quiet and self.now < timeout:
            self._read(0.05)
            value = of()
            if value != last:
                last, changed = value, self.now
        return changed

    def watch(self, seconds: float) -> tuple[float, float]:
        """Let it run: its share of one core, and bytes a second that it wrote."""
        start, cpu, received = self.now, self.cpu_s(), self.received
        while self.now - start < seconds:
            self._read(seconds - (self.now - start))
        took = self.now - start
        return (self.cpu_s() - cpu) / took, (self.received - received) / took

    def key(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def pss_mb(self) -> float:
        """Proportional set size, in MB: shared pages count by their share."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise OSError("no Pss in smaps_rollup")

    def _read(self, timeout: float) -> bytes:
        """What arrives within `timeout` seconds, at most one chunk; drawn on the screen, and its question answered."""
        if not select.select([self._fd], [], [], max(timeout, 0))[0]:
            return b""
        try:
            chunk = os.read(self._fd, 65536)
        except OSError:
            raise EOFError(f"the program ended; on the screen:\n{self.screen.text}") from None
        self.received += len(chunk)
        if _ASKS_SYNC in self._tail + chunk:
            os.write(self._fd, _KNOWS_SYNC)
        self._tail = chunk[-len(_ASKS_SYNC) + 1 :]
        self.screen.feed(self._decoder.decode(chunk))
        return chunk
