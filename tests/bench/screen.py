"""Just enough of a terminal to know what is on it: text and cursor movement; colours are skipped."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"\x1b\[([?<>=]?)([0-9;:]*)([@-~])|\x1b[\]P_^][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-Za-z]|\x1b.|[\r\n\b]|[^\x1b\r\n\b]+"
)
_PARTIAL = re.compile(r"\x1b(?:\[[?<>=]?[0-9;:]*|[\]P_^][^\x07\x1b]*|[()]?)?$")
_BRAILLE = range(0x2801, 0x2900)


class Screen:
    """A grid of characters that obeys what Textual sends."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns, self._rows = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._rest = ""

    @property
    def text(self) -> str:
        return "\n".join("".join(line) for line in self._cells)

    @property
    def braille(self) -> int:
        """Cells in which a chart has drawn something."""
        return sum(ord(char) in _BRAILLE for char in self.text)

    def feed(self, text: str) -> None:
        text = self._rest + text
        partial = _PARTIAL.search(text)
        self._rest = text[partial.start() :] if partial else ""
        for token in _TOKEN.finditer(text[: len(text) - len(self._rest)]):
            if token[3]:
                if not token[1]:
                    self._control(token[3], [int(n) if n.isdigit() else 0 for n in token[2].split(";")])
            elif not token[0].startswith("\x1b"):
                self._write(token[0])

    def _control(self, name: str, numbers: list[int]) -> None:
        step = max(numbers[0], 1)
        if name in "Hf":
            self._y, self._x = step - 1, max([*numbers, 1][1], 1) - 1
        elif name in "ABCD":
            self._y += {"A": -step, "B": step}.get(name, 0)
            self._x += {"C": step, "D": -step}.get(name, 0)
        elif name == "J" and numbers[0] == 2:
            self._cells = [[" "] * self._columns for _ in range(self._rows)]

    def _write(self, text: str) -> None:
        if text in "\r\n\b":
            self._x = 0 if text == "\r" else self._x - (text == "\b")
            self._y += text == "\n"
            return
        for char in text:
            if 0 <= self._y < self._rows and 0 <= self._x < self._columns:
                self._cells[self._y][self._x] = char
            self._x += 1
