"""Text from datasets and models, made safe for a terminal: applied where text enters, before it is stored or shown.

A terminal obeys control characters wherever they come from: OSC 52 writes the clipboard, C1 bytes start sequences too,
and bidirectional marks reorder what a person reads. None of them carries meaning for preference data.
"""

from __future__ import annotations

import re

_ESCAPE = "\N{SYMBOL FOR ESCAPE}"
_ODD = "\N{REPLACEMENT CHARACTER}"
_C0 = [*range(0x00, 0x09), *range(0x0B, 0x20), 0x7F]  # all but tab and newline
_C1 = range(0x80, 0xA0)
_BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]

_TABLE: dict[int, str | None] = {
    **dict.fromkeys([*_C0, *_C1]),
    0x1B: _ESCAPE,
    **dict.fromkeys(_BIDI, _ODD),
    **dict.fromkeys(range(0xD800, 0xE000), _ODD),
}
UNSAFE = re.compile("[" + "".join(re.escape(chr(code)) for code in _TABLE) + "]")


def clean(text: str, limit: int = 100_000) -> str:
    """`text` without control, C1, bidirectional and surrogate characters; escape stays visible as ␛; cut at `limit`."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_TABLE)


def one_line(text: str, limit: int = 200) -> str:
    """`clean`, with runs of white space as one space, for a table cell or a log line."""
    return clean(" ".join(text.split()), limit)
