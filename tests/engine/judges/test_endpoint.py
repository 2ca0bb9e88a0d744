from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import count
from socket import create_server
from typing import Any

import pytest

from engine.config.schema import EndpointConfig
from engine.errors import JudgeError
from engine.judges.base import wins
from engine.judges.chat import Chat
from engine.judges.endpoint import EndpointJudge, read_score, read_verdict
from tests.fixtures.chat_server import Reply, by_length, chat_server

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def _straight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def endpoint(url: str, sleep: Callable[[float], None] = lambda _: None, **more: Any) -> EndpointJudge:
    config = EndpointConfig(url=url, model="tiny", **more)
    ticks = count()
    return EndpointJudge(config, Chat(config, sleep, lambda: float(next(ticks))))


def test_both_orders_are_asked_and_a_fair_judge_never_contradicts_itself() -> None:
    with chat_server(by_length) as calls:
        judge = endpoint(calls.url, price_in=10, price_out=30)
        assert wins(
            judge, [("q", "long one", "short"), ("q", "a", "long one"), ("q", "ab", "cd"), ("q", "x", "x")]
        ) == (
            [1, 0, 0.5, 0.5],
            [0, 0, 0, 0],
        )
    assert len(calls.seen) == 6, "equal texts are not asked about"
    spent = judge.take_usage()
    assert (spent["calls"], spent["retries"], spent["malformed"]) == (6, 0, 0)
    assert (spent["tokens_in"], spent["tokens_out"]) == (600, 12)
    assert spent["cost"] == pytest.approx((600 * 10 + 12 * 30) / 1e6)
    assert spent["seconds"] > 0
    assert spent["wall"] > 0
    assert judge.take_usage()["calls"] == 0, "what was taken is not counted twice"


def test_a_judge_that_likes_the_first_place_gives_ties_and_is_caught() -> None:
    with chat_server(lambda _: Reply("A")) as calls:
        assert wins(endpoint(calls.url), [("q", "one", "two")]) == ([0.5], [1])


def test_a_call_is_what_such_servers_expect() -> None:
    with chat_server(lambda _: Reply("7")) as calls:
        assert endpoint(f"{calls.url}/").score("Why?", "Because.") == 7
    path, headers, body = calls.seen[0]
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("tiny", 0, 512)
    assert "Why?" in body["messages"][1]["content"]
    assert "Because." in body["messages"][1]["content"]


def test_a_busy_server_is_asked_again_after_longer_and_longer() -> None:
    replies = iter([Reply(status=503), Reply(status=429, headers={"Retry-After": "9"}), Reply(status=500), Reply("8")])
    waited: list[float] = []
    with chat_server(lambda _: next(replies)) as calls:
        judge = endpoint(calls.url, waited.append)
        assert judge.score("q", "a") == 8
    assert waited == [1, 9, 4]
    assert judge.take_usage()["retries"] == 3


def test_a_server_that_never_answers_is_an_error_with_a_way_out() -> None:
    waited: list[float] = []
    full = chat_server(lambda _: Reply(status=503, body=b"no room"))
    with full as calls, pytest.raises(JudgeError, match=r"no answer in 3 tries: HTTP 503: no room") as caught:
        endpoint(calls.url, waited.append, attempts=3).score("q", "a")
    assert caught.value.remedy
    assert waited == [1, 2]
    with pytest.raises(JudgeError, match="no answer in 1 try"):
        endpoint(calls.url, attempts=1).score("q", "a")


def test_a_silent_server_runs_into_the_time_limit() -> None:
    with create_server(("127.0.0.1", 0)) as silent:
        judge = endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", attempts=1, timeout=0.05)
        with pytest.raises(JudgeError, match="timed out"):
            judge.score("q", "a")


def test_what_cannot_be_read_is_asked_again_then_counts_for_neither_side() -> None:
    odd = iter([Reply("Both are nice."), Reply("B"), Reply(body=b"<html>"), Reply(body=b"[1]")])
    with chat_server(lambda _: next(odd)) as calls:
        judge = endpoint(calls.url)
        assert judge.compare("q", "one", "two") == 0
        assert judge.compare("q", "one", "two") == 0.5
    assert judge.take_usage()["malformed"] == 3


def test_a_judge_that_mostly_babbles_is_not_believed() -> None:
    lovely = chat_server(lambda _: Reply("What a lovely answer!"))
    with lovely as calls, pytest.raises(JudgeError, match=r"12 of 12 answers .* cannot be read"):
        endpoint(calls.url).scores([("q", str(i)) for i in range(12)])


class TestKey:
    def test_it_goes_to_the_server_and_nowhere_else(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("MY_KEY", KEY)
        with caplog.at_level(logging.DEBUG), chat_server(lambda _: Reply(status=401, body=KEY.encode())) as calls:
            judge = endpoint(calls.url, key_env="MY_KEY")
            with pytest.raises(JudgeError, match=r"HTTP 401: \(key\)") as caught:
                judge.score("q", "a")
        assert calls.seen[0][1]["Authorization"] == f"Bearer {KEY}"
        out = capfd.readouterr()
        kept = [str(caught.value), caplog.text, out.out, out.err, str(judge.take_usage()), str(calls.seen[0][2])]
        kept += [repr(vars(judge)), repr(vars(judge._chat))]
        assert not [text for text in kept if KEY in text]

    def test_it_follows_no_redirect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MY_KEY", KEY)
        with chat_server(lambda _: Reply("5")) as other:
            away = Reply(status=302, headers={"Location": f"{other.url}/chat/completions"})
            with chat_server(lambda _: away) as calls, pytest.raises(JudgeError, match="HTTP 302"):
                endpoint(calls.url, key_env="MY_KEY").score("q", "a")
        assert other.seen == []

    def test_a_variable_that_is_not_set_is_said_before_anything_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MY_KEY", raising=False)
        with pytest.raises(JudgeError, match="names MY_KEY, and the environment has no such variable"):
            endpoint("http://127.0.0.1:9/v1", key_env="MY_KEY")


@pytest.mark.parametrize(
    ("said", "value"),
    [
        *[("7", 7), (" **8.5** ", 8.5), ("Score: 9/10", 9), ("<think>3? no</think>\n4", 4), ("10.", 10)],
        *[("0", None), ("11", None), ("-5", None), ("7 because it is 3 times better", None), ("", None)],
    ],
)
def test_a_score_is_a_number_on_the_scale_or_nothing(said: str, value: float | None) -> None:
    assert read_score(said) == value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        *[("A", 1), ("b.", 0), ("Tie", 0.5), ("**[B]**", 0), ("Answer: A", 1), ("<think>B, B!</think> A", 1)],
        *[("A or B", None), ("A is better than B", None), ("C", None), ("", None)],
    ],
)
def test_a_verdict_is_one_word_or_nothing(said: str, value: float | None) -> None:
    assert read_verdict(said) == value
