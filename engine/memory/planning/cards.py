"""Cards by name or size, and what a program may have of one. Sizes are bytes.

A "12 GB" card has 12 GiB on it and offers programs less: the driver keeps some 2 % for itself, and error correction in
GDDR6 takes a sixteenth. `usable` is what `cudaMemGetInfo` calls the total, on an idle card and rounded down.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import UsageError
from engine.memory.planning.names import CARDS, ECC
from engine.records import GIB
from engine.text import one_line

_KEPT_BY_DRIVER = 0.025
_KEPT_BY_ECC = 0.085  # a sixteenth for the check bits, and the driver's share
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:g(?:i?b)?|(mi?b))?", re.IGNORECASE)
_SUFFIX = re.compile(r"(\d+(?:\.\d+)?)\s*gi?b\b", re.IGNORECASE)
_NOISE = re.compile(
    r"nvidia|geforce|quadro|tesla|graphics|gpu|generation|pcie|sxm\d?|hbm\d?e?|\b(?:rtx|gtx)\b|[\s_()/-]+",
    re.IGNORECASE,
)
_LAPTOP = re.compile(r"laptop|notebook|mobile|max-?q", re.IGNORECASE)
_SMALLEST, _LARGEST = GIB // 4, 1024 * GIB


@dataclass(frozen=True, slots=True)
class Card:
    """A card as sold: `total` is on it, `usable` is what a program gets of it. `note` says what was assumed."""

    name: str
    total: int
    usable: int
    note: str = ""


SIZES = tuple(size * GIB for size in (4, 6, 8, 10, 11, 12, 16, 20, 24, 32, 40, 48, 80, 96, 141, 180))
"""The sizes that cards are sold in."""


def find_card(text: str) -> Card:
    """The card that a person means: `12GiB`, `12 GB`, `12288MiB`, `RTX 4070`, `4070 ti`, `A100 40GB`, `4060 laptop`.

    Sizes are as sold where they are whole GiB; any other size was read off a device and is taken as it is. Raises
    UsageError with the nearest names.
    """
    words = one_line(text).strip()
    suffix = _SUFFIX.search(words)
    asked = _plain(_SUFFIX.sub("", words))
    known = {_plain(name): name for name in CARDS}
    name = known.get(asked) or known.get(asked.removesuffix("laptop"))  # most laptops' cards have the desktop's memory
    if name:
        return _named(name, float(suffix[1]) if suffix else None)
    if size := _SIZE.fullmatch(words):
        return _of_size(words, float(size[1]) * (2**20 if size[2] else GIB))
    raise UsageError(f"no card is known as {words!r}", remedy=_nearest(asked, known))


def smallest(capacity: int) -> Card | None:
    """The smallest card on sale that offers `capacity` bytes, or None where there is none."""
    cards = (_of_size(f"{size // GIB} GiB", size) for size in SIZES)
    return next((card for card in cards if card.usable >= capacity), None)


def examples(card: Card, limit: int = 3) -> list[str]:
    """Cards of this very size by name, GeForce and the newest first: what somebody might have or buy."""
    size = card.total // GIB
    fitting = [name for name, sizes in reversed(CARDS.items()) if size in sizes and "Laptop" not in name]
    named = [name if len(CARDS[name]) == 1 else f"{name} {size}GB" for name in sorted(fitting, key=_unusual)]
    return named[:limit]


def _unusual(name: str) -> bool:
    return re.fullmatch(r"[GR]TX \d{4}(?: Ti)?(?: SUPER)?", name) is None


def _named(name: str, asked: float | None) -> Card:
    sizes = CARDS[name]
    if asked is not None and asked not in sizes:
        sold = " or ".join(f"{size} GiB" for size in sizes)
        raise UsageError(f"no {name} has {asked:g} GiB", remedy=f"it is sold with {sold}; or give the size alone")
    size = int(asked or min(sizes))
    others = ", ".join(str(one) for one in sizes if one != size)
    note = f"also sold with {others} GiB: say {name} {max(sizes)}GB for that one" if others and asked is None else ""
    shown = f"{name} {size} GiB" if len(sizes) > 1 else name
    return Card(shown, size * GIB, _usable(size * GIB, name in ECC), note)


def _of_size(words: str, size: float) -> Card:
    if not _SMALLEST <= size <= _LARGEST:
        raise UsageError(f"{words}: no card has that much memory", remedy="such as 12GiB; a number alone is GiB")
    total = round(size)
    sold = total % GIB == 0
    return Card(f"{total / GIB:.4g} GiB card", total, _usable(total, False) if sold else total)


def _usable(total: int, ecc: bool) -> int:
    return int(total * (1 - (_KEPT_BY_ECC if ecc else _KEPT_BY_DRIVER)))


def _plain(name: str) -> str:
    """`NVIDIA GeForce RTX 4070 Ti SUPER` and `rtx4070tisuper` as one word."""
    marked = _LAPTOP.sub("", name) + (" laptop" if _LAPTOP.search(name) else "")
    joined = _NOISE.sub("", marked).lower()
    return re.sub(r"^(?:rtx|gtx)(?=\d|a\d|pro)", "", joined)


def _nearest(asked: str, known: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(asked, known, 3, 0.6)
    number = re.search(r"\d{3,}", asked)
    related = [name for key, name in known.items() if number and number[0] in key]
    names = list(dict.fromkeys([*(known[key] for key in near), *related]))[:4]
    return (
        f"nearest: {', '.join(names)}; or " if names else "such as RTX 4070, A100 40GB; or "
    ) + "a size, such as 12GiB"
