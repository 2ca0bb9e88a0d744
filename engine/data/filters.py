"""What is left out of an iteration's pairs, and why. Each filter says how many it dropped."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.config.schema import RunConfig
from engine.data.task import Pair, Prompt, shown

NGRAM = 13  # words; the size that GPT-3's authors used against contamination (Brown et al. 2020, appendix C)
COMMON = 0.1  # an n-gram in more than this share of evaluation prompts is their shared frame, not their content
LONG = 3.5  # robust standard deviations of log length

Keep = Callable[[Pair], bool]


@dataclass(frozen=True, slots=True)
class FilterReport:
    """`dropped` names every filter in the order they ran, those that dropped nothing too."""

    kept: tuple[Pair, ...]
    dropped: dict[str, int]


def run_filters(pairs: Sequence[Pair], config: RunConfig, eval_prompts: Sequence[Prompt]) -> FilterReport:
    """The pairs that pass every filter, in order."""
    filters: dict[str, Keep] = {
        "equal sides": lambda pair: _normal(pair.chosen) != _normal(pair.rejected),
        "empty": lambda pair: bool(pair.chosen.strip() and pair.rejected.strip()),
        "degenerate": lambda pair: not is_degenerate(pair.chosen),
        "small gap": lambda pair: _clear(pair, config.data.min_gap),
        "length outlier": length_filter(pairs),
        "duplicate": _first_time(),
        "evaluation overlap": overlap_filter(eval_prompts),
    }
    kept, dropped = list(pairs), {}
    for name, keep in filters.items():
        passed = [pair for pair in kept if keep(pair)]
        dropped[name] = len(kept) - len(passed)
        kept = passed
    return FilterReport(tuple(kept), dropped)


def is_degenerate(text: str) -> bool:
    """A text that says little but one word, or one short phrase, over and over.

    Only the chosen side is held to this: a degenerate rejected side is a lesson.
    """
    words = text.lower().split()
    if len(words) < 8:
        return False
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return Counter(words).most_common(1)[0][1] > len(words) / 2 or len(set(trigrams)) < len(trigrams) / 2


def length_filter(pairs: Sequence[Pair]) -> Keep:
    """Against pairs whose longer side is far out of line, by median and MAD of the log length in words."""
    lengths = [_log_length(pair) for pair in pairs]
    middle = statistics.median(lengths) if lengths else 0.0
    spread = 1.4826 * statistics.median(abs(length - middle) for length in lengths) if lengths else 0.0
    limit = middle + LONG * max(spread, 0.2)  # data of one length has no spread; a fifth more is no outlier
    return lambda pair: _log_length(pair) <= limit


def overlap_filter(eval_prompts: Sequence[Prompt]) -> Keep:
    """Against pairs whose prompt is an evaluation prompt, or shares an n-gram of words with one."""
    wholes = {_normal(prompt.text) for prompt in eval_prompts}
    seen = Counter(gram for prompt in eval_prompts for gram in set(_ngrams(prompt.text)))
    frame = max(1.0, COMMON * len(eval_prompts))
    grams = {gram for gram, count in seen.items() if count <= frame}

    def keep(pair: Pair) -> bool:
        text = shown(pair.prompt)
        return _normal(text) not in wholes and grams.isdisjoint(_ngrams(text))

    return keep


def _first_time() -> Keep:
    seen: set[tuple[str, str, str]] = set()

    def keep(pair: Pair) -> bool:
        key = (_normal(shown(pair.prompt)), _normal(pair.chosen), _normal(pair.rejected))
        new = key not in seen
        seen.add(key)
        return new

    return keep


def _clear(pair: Pair, min_gap: float) -> bool:
    """A sampled pair needs the judge's `min_gap`; a recorded one only must not be a tie by its own scores."""
    if pair.gap is None:
        return True
    return pair.gap >= min_gap if pair.source == "on policy" else pair.gap > 0


def _log_length(pair: Pair) -> float:
    return math.log(1 + max(len(pair.chosen.split()), len(pair.rejected.split())))


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())


def _ngrams(text: str) -> Iterable[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return (tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1))
