"""People as the judge: what they said by `pilothouse label` about two answers to one prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from engine.judges.base import Compared, OneByOne, Progress, Scored

Opinion = tuple[str, str, str, float]
"""(prompt, first, second, how the first did: 1, ½ or 0)."""


class OperatorJudge(OneByOne):
    """Looks labels up; the last word on two texts counts. What nobody was asked is a tie, and is counted as unanswered.

    `opinions` are read again each time that many are judged, for people go on labelling while a run goes on.
    """

    name, ordered, steady = "operator", False, False

    def __init__(self, opinions: Callable[[], Iterable[Opinion]]) -> None:
        self._opinions = opinions
        self._asked = self._answered = 0

    def score(self, prompt: str, completion: str) -> float:
        """The share of its labelled comparisons that the completion won; ½ where it has none."""
        return self.scores([(prompt, completion)])[0]

    def compare(self, prompt: str, first: str, second: str) -> float:
        return self.compares([(prompt, first, second)])[0]

    def scores(self, items: Sequence[Scored], progress: Progress | None = None) -> list[float]:
        won: dict[Scored, list[float]] = {}
        for (prompt, first, _), outcome in self._known().items():
            won.setdefault((prompt, first), []).append(outcome)
        found = [won.get((prompt, said.strip()), [0.5]) for prompt, said in items]
        return self._told([sum(outcomes) / len(outcomes) for outcomes in found], progress)

    def compares(self, items: Sequence[Compared], progress: Progress | None = None) -> list[float]:
        known = self._known()
        asked = [(prompt, first.strip(), second.strip()) for prompt, first, second in items]
        self._asked += len(asked)
        self._answered += sum(item in known for item in asked)
        return self._told([known.get(item, 0.5) for item in asked], progress)

    def take_usage(self) -> Mapping[str, float]:
        """How many comparisons it was asked for, and how many of them a person had answered."""
        taken = {"asked": self._asked, "answered": self._answered}
        self._asked = self._answered = 0
        return taken if taken["asked"] else {}

    def _known(self) -> dict[Compared, float]:
        """Each opinion both ways round."""
        known: dict[Compared, float] = {}
        for prompt, first, second, outcome in self._opinions():
            first, second = first.strip(), second.strip()
            known |= {(prompt, first, second): outcome, (prompt, second, first): 1 - outcome}
        return known

    @staticmethod
    def _told(values: list[float], progress: Progress | None) -> list[float]:
        if progress and values:
            progress(len(values), len(values))
        return values
