from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.schema import EndpointConfig, RewardModelConfig
from engine.data.world.manners import DemoJudge
from engine.errors import JudgeError
from engine.judges.base import Judge, OneByOne, Progress, Scored, counted, win, wins
from engine.judges.endpoint import EndpointJudge
from engine.judges.implicit import ImplicitJudge
from engine.judges.operator import OperatorJudge
from engine.judges.overlap import OverlapJudge, token_f1
from engine.judges.reward import RewardJudge
from engine.judges.sentiment import SentimentJudge
from tests.fixtures.chat_server import by_length, chat_server
from tests.fixtures.reward_model import write_reward_model

PROMPT = "ask : my lamp is broken . reply :"
WORDS = st.lists(st.sampled_from(["please", "thanks", "ugh", "maybe", "reset", "the", "lamp", "good"]), max_size=12)


class Shy(OneByOne):
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


def test_a_judge_that_contradicts_itself_is_caught_and_equal_texts_are_not_asked_about() -> None:
    won, contradicted = wins(Shy(), [(PROMPT, "aa", "bb"), (PROMPT, "a" * 9, "bb"), (PROMPT, "same", "same")])
    assert won == [0.5, 1, 0.5]
    assert contradicted == [1, 0, 0]


TEXTS = ["please reset the lamp .", "ugh , maybe reset the lamp", "good", ""]
SCORED = [(PROMPT, text) for text in TEXTS]
COMPARED = [(PROMPT, first, second) for first in TEXTS for second in TEXTS]


@contextmanager
def served() -> Iterator[Judge]:
    with chat_server(by_length) as calls:
        yield EndpointJudge(EndpointConfig(url=calls.url, model="tiny"))


@contextmanager
def rewarding() -> Iterator[Judge]:
    with TemporaryDirectory() as folder:
        write_reward_model(Path(folder))
        yield RewardJudge(RewardModelConfig(path=folder, batch_size=3), "cpu")


def by_words(items: Sequence[Scored], progress: Progress | None) -> list[float]:
    """A policy that likes every word a bit better than the baseline does."""
    return list(counted((float(len(said.split())) for _, said in items), len(items), progress))


SAID = [(PROMPT, TEXTS[0], TEXTS[1], 1.0), (PROMPT, TEXTS[2], TEXTS[1], 0.5)]

MAKERS = {
    "demo": lambda: nullcontext(DemoJudge()),
    "overlap": lambda: nullcontext(OverlapJudge([(PROMPT, "good answer", "bad lamp")])),
    "shy": lambda: nullcontext(Shy()),
    "endpoint": served,
    "reward_model": rewarding,
    "sentiment": lambda: nullcontext(SentimentJudge()),
    "implicit": lambda: nullcontext(ImplicitJudge(by_words, 0.1)),
    "operator": lambda: nullcontext(OperatorJudge(lambda: SAID)),
}


@pytest.fixture(scope="module", params=MAKERS)
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    with pytest.MonkeyPatch.context() as patch, MAKERS[request.param]() as made:
        patch.setenv("no_proxy", "127.0.0.1")
        yield made


class TestContract:
    """What holds of every judge."""

    def test_many_at_once_are_judged_as_one_by_one(self, judge: Judge) -> None:
        assert judge.scores(SCORED) == pytest.approx([judge.score(*item) for item in SCORED], abs=1e-5)
        assert judge.compares(COMPARED) == [judge.compare(*item) for item in COMPARED]
        assert judge.scores([]) == judge.compares([]) == []

    def test_verdicts_are_win_tie_or_loss_and_nothing_beats_itself(self, judge: Judge) -> None:
        won, contradicted = wins(judge, COMPARED)
        assert {outcome * 4 for outcome in won} <= {0, 1, 2, 3, 4}
        places = {item: place for place, item in enumerate(COMPARED)}
        for (prompt, first, second), outcome in zip(COMPARED, won, strict=True):
            assert outcome + won[places[prompt, second, first]] == 1
            assert first != second or outcome == 0.5
        assert judge.ordered or not any(contradicted)

    def test_progress_reaches_its_total_or_aborts(self, judge: Judge) -> None:
        seen: list[tuple[int, int]] = []
        judge.scores(SCORED, lambda done, total: seen.append((done, total)))
        assert seen[-1] == (len(SCORED), len(SCORED))
        assert seen == sorted(seen)
        judge.compares(COMPARED, lambda done, total: seen.append((done, total)))
        assert seen[-1] == (len(COMPARED), len(COMPARED))

        def stop(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            judge.compares(COMPARED, stop)


@pytest.mark.parametrize("judge", [DemoJudge(), OverlapJudge([(PROMPT, "good answer", "bad lamp")]), SentimentJudge()])
class TestScoring:
    """What holds besides of a judge whose order cannot matter."""

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


class TestSentiment:
    def test_friendly_words_score_above_none_above_unfriendly_ones(self) -> None:
        judge = SentimentJudge()
        friendly, plain, rude = judge.scores([("q", text) for text in ("Thanks, great idea!", "", "This is horrible.")])
        assert 1 > friendly > plain == 0 > rude > -1

    def test_without_the_package_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
        with pytest.raises(JudgeError, match=r"not installed\n.*pilothouse\[judges\]"):
            SentimentJudge()


class TestOperator:
    def test_labels_are_looked_up_either_way_round_and_what_nobody_answered_is_a_tie(self) -> None:
        judge = OperatorJudge(lambda: [("q", "good", " bad", 1.0), ("q", "good", "fair", 0.5)])
        asked = [
            ("q", "good ", "bad"),
            ("q", "bad", "good"),
            ("q", "good", "fair"),
            ("q", "bad", "fair"),
            ("p", "a", "b"),
        ]
        assert judge.compares(asked) == [1, 0, 0.5, 0.5, 0.5]
        assert judge.take_usage() == {"asked": 5, "answered": 3}
        assert judge.take_usage() == {}
        assert judge.scores([("q", "good"), ("q", "bad"), ("q", "other")]) == [0.75, 0, 0.5]

    def test_the_last_word_counts_and_is_heard_while_the_run_goes_on(self) -> None:
        said = [("q", "a", "b", 1.0)]
        judge = OperatorJudge(lambda: said)
        assert judge.compare("q", "a", "b") == 1
        said.append(("q", "b", "a", 1.0))
        assert judge.compare("q", "a", "b") == 0
