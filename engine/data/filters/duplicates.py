"""Pairs that say what another has said: to the letter, or but for a few words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from datasketch import MinHash, MinHashLSH

from engine.data.filters.text import normal
from engine.data.task import Pair, shown

SHINGLE = 5  # words: texts of a sentence or two differ in most shingles when they differ in a word
PERMUTATIONS = 128


def first_time(pairs: Sequence[Pair]) -> list[bool]:
    """Whether each pair is the first of its texts, without regard to case and spacing."""
    seen: set[tuple[str, str, str]] = set()
    keep = []
    for pair in pairs:
        key = (normal(shown(pair.prompt)), normal(pair.chosen), normal(pair.rejected))
        keep.append(key not in seen)
        seen.add(key)
    return keep


def near_duplicates(pairs: Sequence[Pair], threshold: float) -> list[bool]:
    """Whether each pair's shingles have a Jaccard similarity below `threshold` with those of every pair kept before.

    MinHash finds candidates (Broder 1997), the sets themselves decide, so nothing is dropped by a collision. 1 is off.
    """
    if threshold >= 1 or not pairs:
        return [True] * len(pairs)
    sets = [_shingles(pair) for pair in pairs]
    hashes = MinHash.bulk([[shingle.encode() for shingle in one] for one in sets], num_perm=PERMUTATIONS)
    index, keep = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS), []
    for i, (mine, sketch) in enumerate(zip(sets, hashes, strict=True)):
        twin = any(_jaccard(mine, sets[j]) >= threshold for j in index.query(sketch))
        keep.append(not twin)
        if not twin:
            index.insert(i, sketch)
    return keep


def _shingles(pair: Pair) -> set[str]:
    """Of both sides and the prompt, each marked by which it is: swapped sides are no near duplicate."""
    return {
        f"{side} {' '.join(words[i : i + SHINGLE])}"
        for side, text in (("p", shown(pair.prompt)), ("c", pair.chosen), ("r", pair.rejected))
        for words in [re.findall(r"\w+", text.casefold())]
        for i in range(max(1, len(words) - SHINGLE + 1))
    }


def _jaccard(mine: set[str], other: set[str]) -> float:
    return len(mine & other) / len(mine | other)
