"""The characters that the screens draw with: Unicode, or ASCII for `--ascii`, `LC_ALL=C` and plain terminals.

A terminal whose locale is not UTF-8 drops braille and box drawing without a word, so that is asked before drawing.
"""

from __future__ import annotations

import locale
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_BRAILLE_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def _braille() -> tuple[str, ...]:
    """Glyphs by code: dot (row, column) of the 4×2 cell is bit 2·row + column."""
    cells = []
    for code in range(256):
        dots = sum(_BRAILLE_BITS[bit // 2][bit % 2] for bit in range(8) if code >> bit & 1)
        cells.append(chr(0x2800 | dots) if dots else " ")
    return tuple(cells)


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of characters, each a single cell wide.

    `dots` is (columns, rows) of drawable points in a cell; `line` and `raw` map a cell's bits (bit = row·columns +
    column, top left first) to the glyph of a smoothed line and of raw data.
    """

    name: str
    dots: tuple[int, int]
    line: tuple[str, ...]
    raw: tuple[str, ...]
    frame: tuple[str, ...] = tuple("╭╮╰╯─│")
    limit: str = "╌"
    mark: str = "┊"
    cursor: str = "│"
    axis: str = "│"
    tick: str = "┤"
    full: str = "█"
    shade: str = "▒"
    light: str = "░"
    done: str = "━"
    tip: str = "╸"
    todo: str = "─"
    heart: str = "♥"
    arrow: str = "▸"
    dot: str = "·"
    ellipsis: str = "…"
    up: str = "▲"
    down: str = "▼"
    here: str = "▌"
    degree: str = "°"
    ends: tuple[str, str] = ("├", "┤")
    point: str = "●"
    ramp: str = "▁▂▃▄▅▆▇█"
    """From low to high, for a trend within a row of text."""


UNICODE = Glyphs("unicode", (2, 4), _braille(), _braille())
ASCII = Glyphs(
    "ascii",
    (1, 2),
    line=(" ", '"', "_", "#"),
    raw=(" ", "'", ".", ":"),
    frame=tuple("++++-|"),
    limit="-",
    mark=":",
    cursor="|",
    axis="|",
    tick="+",
    full="#",
    shade="=",
    light=".",
    done="=",
    tip=">",
    todo="-",
    heart="*",
    arrow=">",
    dot="-",
    ellipsis="~",
    up="^",
    down="v",
    here=">",
    degree=" ",
    ends=("[", "]"),
    point="o",
    ramp="_.-=^",
)


def detect(ascii_only: bool, environ: Mapping[str, str], encoding: str | None = None) -> Glyphs:
    """The set that the terminal can show. `encoding` is what the terminal is written in; None asks the locale."""
    if ascii_only or environ.get("TERM") in ("dumb", "linux"):
        return ASCII
    encoding = encoding or getattr(sys.__stderr__, "encoding", None) or locale.getpreferredencoding(False)
    named = next((environ[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(key)), "")
    c_locale = named.split(".")[0] in ("C", "POSIX") and "utf" not in named.lower()
    return ASCII if c_locale or "utf" not in encoding.lower() else UNICODE


_LIKENESS = {
    "-": "─━╌╍┄┅┈┉═╴╶╸╺·—–−‐‑",
    "|": "│┃╎╏┆┇┊┋║╵╷╹╻▏▎▍▌▕",
    ">": "→▸≥",
    "<": "←≤↵⏎",
    "^": "↑▲",
    "v": "↓▼",
    "*": "♥•",
    "x": "×✗",
    "+": "±✓",
    "~": "…≈",
    "=": "▒",
    ".": "░",
    "'": "‘’",
    '"': "“”",
    "o": "°",
}
_PLAIN = {ord(character): plain for plain, characters in _LIKENESS.items() for character in characters}
_PLAIN |= {code: "+" for code in range(0x2500, 0x2580) if code not in _PLAIN}  # corners and crossings
_PLAIN |= {code: "#" for code in range(0x2580, 0x25A0) if code not in _PLAIN}  # blocks


@lru_cache(4096)
def plain(text: str) -> str:
    """`text` in ASCII, cell for cell, so that nothing moves: known signs by their likeness, letters without accents."""
    if text.isascii():
        return text
    text = text.replace("→ ", "->")  # a bare > between numbers would compare them
    return "".join(_plain_character(character) for character in text)


def _plain_character(character: str) -> str:
    if character.isascii():
        return character
    likeness = character.translate(_PLAIN)
    if not likeness.isascii():
        bare = unicodedata.normalize("NFKD", character)[:1]
        likeness = bare if bare.isascii() and bare.isprintable() else "?"
    return likeness * cell_len(character)


class PlainFilter(LineFilter):
    """Makes everything that any widget draws ASCII; an app adds it in `get_line_filters` when its glyphs are ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [Segment(plain(segment.text), segment.style, segment.control) for segment in segments]
