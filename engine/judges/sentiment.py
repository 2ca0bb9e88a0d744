"""A classifier from a package as the judge: VADER's sentiment (Hutto & Gilbert 2014), the usual toy reward of RLHF."""

from __future__ import annotations

from engine.errors import JudgeError
from engine.judges.base import ScoringJudge


class SentimentJudge(ScoringJudge):
    """How friendly the completion's words are, -1 to 1, whatever the prompt: VADER's compound score, English only.

    Raises JudgeError where the package is not installed.
    """

    name = "sentiment"

    def __init__(self) -> None:
        try:
            from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
        except ModuleNotFoundError:
            raise JudgeError(
                "the sentiment judge needs the package vaderSentiment, which is not installed",
                remedy="pip install 'pilothouse[judges]', or name another judge",
            ) from None
        self._analyzer = SentimentIntensityAnalyzer()

    def score(self, prompt: str, completion: str) -> float:  # noqa: ARG002 (the protocol has it)
        return float(self._analyzer.polarity_scores(completion)["compound"])
