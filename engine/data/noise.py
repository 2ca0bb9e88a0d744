"""Labels that look wrong: pairs whose preference a reward that never saw them contradicts.

A Bradley-Terry reward of simple features of both sides is fitted to all pairs but a fold, and asked about that fold.
What most pairs of this data prefer is learnt in spite of some wrong labels, and a label against it is suspect (as in
confident learning, Northcutt et al. 2021). It knows style and form and, given log-probabilities, how likely a model
finds each side. It cannot know who is right: read its list as "look at these first".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from engine.data.task import Pair, shown

FOLDS, RIDGE = 10, 10.0
FEWEST = 50  # pairs; fewer teach nothing about the others

Matrix = NDArray[np.float64]

_ITEM = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s", re.MULTILINE)
_REFUSAL = re.compile(r"\b(?:sorry|cannot|can't|unable|as an ai)\b", re.IGNORECASE)


def suspicions(pairs: Sequence[Pair], logprobs: Sequence[tuple[float, float]] | None = None, seed: int = 0) -> Matrix:
    """The probability of each label to be wrong, by models that never saw it. (pairs,), in [0, 1].

    `logprobs` are each pair's (chosen, rejected) sums of completion log-probabilities in nats, under a model that was
    not trained on these labels: one that was repeats them. Fewer than `FEWEST` pairs give ½ each: nothing is known.
    """
    if len(pairs) < FEWEST:
        return np.full(len(pairs), 0.5)
    differences = np.array([features(pair, pair.chosen) - features(pair, pair.rejected) for pair in pairs])
    if logprobs is not None:
        differences = np.column_stack([differences, _rewards(pairs, logprobs)])
    scaled = differences / (differences.std(axis=0) + 1e-9)
    scaled = np.sign(scaled) * np.log1p(np.abs(scaled))  # one pair of extremes does not rule the rest
    wrong: Matrix = expit(-_out_of_fold(scaled, seed))
    return wrong


def features(pair: Pair, side: str) -> Matrix:
    """What can be seen of one side without understanding it: length, form, its relation to the prompt."""
    words = re.findall(r"\w+", side.casefold())
    own, asked = set(words), set(re.findall(r"\w+", shown(pair.prompt).casefold()))
    count = max(1, len(words))
    return np.array([
        np.log1p(len(words)),
        np.log1p(len(own)),
        len(own) / count,
        sum(map(len, words)) / count,
        len(words) < 15,
        side.count("\n"),
        side.count("\n\n"),
        len(_ITEM.findall(side)),
        side.count(":"),
        side.count("?"),
        side.count("!"),
        side.count(",") / count,
        "```" in side,
        side.rstrip()[-1:] in tuple(".!?`\"')"),
        side.strip()[:1].islower(),
        len(asked & own) / max(1, len(asked)),
        len(asked & own) / max(1, len(own)),
        bool(_REFUSAL.search(side)),
        words.count("i") / count,
        sum(word.isdigit() for word in words) / count,
    ], dtype=np.float64)  # fmt: skip


def _rewards(pairs: Sequence[Pair], logprobs: Sequence[tuple[float, float]]) -> Matrix:
    """Differences in log-probability, of the whole side and a word."""
    words = [(max(1, len(pair.chosen.split())), max(1, len(pair.rejected.split()))) for pair in pairs]
    return np.array([
        (better - worse, better / mine - worse / other)
        for (better, worse), (mine, other) in zip(logprobs, words, strict=True)
    ])  # fmt: skip


def _out_of_fold(differences: Matrix, seed: int) -> Matrix:
    """Each pair's log-odds of its label being right."""
    order = np.random.default_rng(seed).permutation(len(differences))
    margins = np.zeros(len(differences))
    for fold in range(FOLDS):
        asked = order[fold::FOLDS]
        known = np.setdiff1d(order, asked)
        margins[asked] = differences[asked] @ _fit(differences[known])
    return margins


def _fit(differences: Matrix) -> Matrix:
    """Weights of the most likely Bradley-Terry model, with a ridge. (features,)"""

    def loss(weights: Matrix) -> tuple[float, Any]:
        margins = differences @ weights
        value = np.logaddexp(0, -margins).sum() + RIDGE * weights @ weights / 2
        return float(value), RIDGE * weights - differences.T @ expit(-margins)

    found: Matrix = minimize(loss, np.zeros(differences.shape[1]), jac=True, method="L-BFGS-B").x
    return found
