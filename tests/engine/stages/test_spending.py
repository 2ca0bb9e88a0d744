from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.stages.spending import tell, words

ENDPOINT = {
    **{"calls": 96, "retries": 2, "malformed": 1, "tokens_in": 41203, "tokens_out": 310},
    **{"cost": 0.0123, "seconds": 118.0, "wall": 30.0},
}


@dataclass
class Story:
    said: list[tuple[str, str]] = field(default_factory=list)

    def say(self, kind: str, text: str, level: str = "info") -> None:
        self.said.append((text, level))


def test_calls_their_rate_tokens_and_cost_are_told_in_words() -> None:
    assert words(ENDPOINT) == (
        "96 calls at 3.2 a second, 41,203 tokens read and 310 written, cost 0.0123, 2 tried again, 1 answers unreadable"
    )
    assert words({"asked": 40, "answered": 12}) == "12 of 40 comparisons answered, the rest count as ties"


def test_what_spent_nothing_is_neither_told_nor_kept() -> None:
    story: Any = Story()
    kept = tell(story, {"endpoint": ENDPOINT, "overlap": {}, "critic": dict.fromkeys(ENDPOINT, 0)})
    assert kept == {"judging": {"endpoint": ENDPOINT}}
    assert [level for _, level in story.said] == ["warn"]
    assert tell(story, {"overlap": {}}) == {}
