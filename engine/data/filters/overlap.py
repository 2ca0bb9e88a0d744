"""Prompts that evaluation asks, whole or in part: what is trained on them would be measured as if it were learnt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from engine.data.filters.text import normal
from engine.data.task import Pair, shown

COMMON = 0.1  # an n-gram in more than this share of evaluation prompts is their shared frame, not their content


def overlap_filter(measured: Sequence[str], size: int) -> Callable[[Pair], bool]:
    """Whether a pair's prompt neither is an evaluation prompt nor shares `size` words in a row with one
    (13 as in Brown et al. 2020, appendix C).

    In a conversation, each message counts as a prompt too.
    """
    wholes = {normal(prompt) for prompt in measured}
    seen = Counter(gram for prompt in measured for gram in set(_ngrams(prompt, size)))
    frame = max(1.0, COMMON * len(measured))
    grams = {gram for gram, count in seen.items() if count <= frame}

    def keep(pair: Pair) -> bool:
        texts = [shown(pair.prompt), *_messages(pair)]
        return all(normal(text) not in wholes and grams.isdisjoint(_ngrams(text, size)) for text in texts)

    return keep


def _messages(pair: Pair) -> list[str]:
    return [] if isinstance(pair.prompt, str) else [turn["content"] for turn in pair.prompt if turn["role"] == "user"]


def _ngrams(text: str, size: int) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return (tuple(words[i : i + size]) for i in range(len(words) - size + 1))
