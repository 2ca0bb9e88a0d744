from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.world.manners import DemoJudge
from engine.judges.base import Judge, win
from engine.judges.overlap import OverlapJudge, token_f1

PROMPT = "ask : my lamp is broken . reply :"
WORDS = st.lists(st.sampled_from(["please", "thanks", "ugh", "maybe", "reset", "the", "lamp", "good"]), max_size=12)


class Shy:
    """A judge of the kind that LLMs are: it likes whichever it sees first, unless one is much longer."""

    name, ordered = "shy", True

    def score(self, prompt: str, completion: str) -> float:
        return float(len(completion))

    def compare(self, prompt: str, first: str, second: str) -> float:
        return 1.0 if len(first) + 3 >= len(second) else 0.0


def test_a_judge_with_a_favourite_place_is_asked_in_both_orders() -> None:
    assert win(Shy(), PROMPT, "aa", "bb") == 0.5
    assert win(Shy(), PROMPT, "a" * 9, "bb") == 1
    assert win(Shy(), PROMPT, "bb", "a" * 9) == 0


@pytest.mark.parametrize("judge", [DemoJudge(), OverlapJudge([(PROMPT, "good answer", "bad lamp")])])
class TestContract:
    """What holds of every judge whose order cannot matter."""

    @given(a=WORDS, b=WORDS)
    def test_comparing_is_antisymmetric_and_follows_the_score(self, judge: Judge, a: list[str], b: list[str]) -> None:
        mine, other = " ".join(a), " ".join(b)
        outcome = judge.compare(PROMPT, mine, other)
        assert outcome + judge.compare(PROMPT, other, mine) == 1
        assert (outcome > 0.5) == (judge.score(PROMPT, mine) > judge.score(PROMPT, other))
        assert judge.compare(PROMPT, mine, mine) == 0.5


class TestOverlap:
    judge = OverlapJudge(
        [("q", "It is blue.", "It is green."), ("p", "It is blue.", "Green"), ("p", "Blue!", "No idea")]
    )

    def test_the_recorded_answers_score_by_what_sets_them_apart(self) -> None:
        """One of four tokens differs: 1 - 3/4 either way."""
        assert self.judge.score("q", "It is blue.") == pytest.approx(0.25)
        assert self.judge.score("q", "It is green.") == pytest.approx(-0.25)

    def test_of_several_references_the_nearest_count(self) -> None:
        assert self.judge.score("p", "Blue!") == pytest.approx(1.0)
        assert self.judge.score("p", "No idea") == pytest.approx(-1.0)

    def test_other_words_score_nothing(self) -> None:
        assert self.judge.score("q", "xyzzy") == 0

    def test_an_unknown_prompt_is_an_error_not_a_score(self) -> None:
        with pytest.raises(KeyError):
            self.judge.score("another", "It is blue.")


def test_token_f1_by_hand() -> None:
    """2 of 3 and 2 of 4 tokens shared: precision 2/3, recall 1/2, F1 4/7."""
    assert token_f1(Counter("abx"), Counter("abcd")) == pytest.approx(4 / 7)
    assert token_f1(Counter(), Counter()) == 0
