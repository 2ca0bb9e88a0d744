from __future__ import annotations

import pytest

from engine.config import parse_config
from engine.data.judging import Aboard, make_judges
from engine.data.task import Pair
from engine.errors import DataError

PAIRS = [Pair("question ?", "good", "bad")]


def names(text: str, pairs: list[Pair]) -> tuple[str, str | None]:
    training, held_out = make_judges(parse_config(text).judges, pairs)
    return training.name, held_out.name if held_out else None


def test_auto_is_what_the_data_allows_and_nobody_is_held_out_unasked() -> None:
    assert names("", PAIRS) == ("overlap", None)
    assert names("", []) == ("demo", None)


def test_a_held_out_judge_stands_beside_the_training_judge() -> None:
    assert names("judges: {held_out: demo}", PAIRS) == ("overlap", "demo")
    assert names("judges: {training: demo, held_out: overlap}", PAIRS) == ("demo", "overlap")


def test_a_judge_cannot_hold_itself_out() -> None:
    with pytest.raises(DataError, match=r"judges\.held_out = overlap is the training judge too"):
        names("judges: {held_out: overlap}", PAIRS)


def test_overlap_with_nothing_recorded_is_refused_by_the_key_that_asks_for_it() -> None:
    with pytest.raises(DataError, match=r"judges\.held_out = overlap needs recorded pairs"):
        names("judges: {held_out: overlap}", [])


def test_an_endpoint_can_be_either_judge_but_not_both() -> None:
    endpoint = "endpoint: {url: 'http://127.0.0.1:9/v1', model: tiny}"
    assert names(f"judges: {{training: endpoint, {endpoint}}}", PAIRS) == ("endpoint", None)
    assert names(f"judges: {{held_out: endpoint, {endpoint}}}", []) == ("demo", "endpoint")
    with pytest.raises(DataError, match="nothing is held out"):
        names(f"judges: {{training: endpoint, held_out: endpoint, {endpoint}}}", PAIRS)


def test_the_policy_and_the_operator_judge_by_what_the_run_has_aboard() -> None:
    aboard = Aboard(
        log_ratios=lambda prompts: lambda items, _: [float(len(prompts)) for _ in items],
        beta=0.5,
        opinions=lambda: [("question ?", "good", "bad", 1.0)],
    )
    config = parse_config("judges: {training: implicit, held_out: operator}").judges
    implicit, operator = make_judges(config, PAIRS, aboard)
    assert implicit.score("question ?", "good") == 0.5
    assert operator is not None
    assert operator.compare("question ?", "bad", "good") == 0
    with pytest.raises(DataError, match=r"judges\.training = implicit needs the run's own model"):
        make_judges(config, PAIRS)
