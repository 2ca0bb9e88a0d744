"""Text that teaches nothing: empty, the same on both sides, over and over the same, or not the text it once was."""

from __future__ import annotations

import re
import zlib
from collections import Counter

from engine.data.task import Pair

FEW, LONG, PACKED = 8, 200, 0.15  # words; bytes; compressed size over size, which is a third and more for prose

_MOJIBAKE = re.compile(
    "[ÂÃÅÐÑ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"  # two bytes of UTF-8 read as Windows-1252
    "|â[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]{2}"  # and three: quotation marks, dashes
)
_BROKEN = re.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def normal(text: str) -> str:
    """The text without regard to case and spacing."""
    return " ".join(text.casefold().split())


def has_two_sides(pair: Pair) -> bool:
    return normal(pair.chosen) != normal(pair.rejected)


def is_empty(text: str) -> bool:
    return not text.strip()


def is_garbled(text: str, share: float) -> bool:
    """Whether more than `share` of the characters are replacement or control characters, or one character in UTF-8
    read as two or three in another encoding.
    """
    broken = len(_BROKEN.findall(text)) + sum(len(match) for match in _MOJIBAKE.findall(text))
    return broken > share * len(text)


def is_degenerate(text: str) -> bool:
    """A text that says little but one word, one short phrase or one line, over and over, in whatever script."""
    raw = text.encode("utf-8", "replace")
    if len(raw) >= LONG and len(zlib.compress(raw, 6)) < PACKED * len(raw):
        return True
    words = text.lower().split()
    if len(words) < FEW:
        return False
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return Counter(words).most_common(1)[0][1] > len(words) / 2 or len(set(trigrams)) < len(trigrams) / 2
