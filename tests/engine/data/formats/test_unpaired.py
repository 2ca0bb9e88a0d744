from __future__ import annotations

from typing import Any

import pytest

from engine.data.formats import BadRecordError, Unpaired, pair_up, parse_record

ASK = [{"role": "user", "content": "hi"}]
YES = {"role": "assistant", "content": "yes"}


@pytest.mark.parametrize(
    ("record", "prompt"),
    [
        ({"prompt": "hi", "completion": "yes", "label": True}, "hi"),
        ({"prompt": "hi", "completion": "yes", "label": "True"}, "hi"),  # as CSV has it
        ({"prompt": ASK, "completion": [YES], "label": 1}, ASK),
        ({"messages": [*ASK, YES], "label": True}, ASK),
        ({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}], "label": True}, ASK),
    ],
)
def test_each_shape_is_the_same_answer(record: dict[str, Any], prompt: object) -> None:
    assert parse_record(record) == Unpaired(prompt, "yes", True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"prompt": "hi", "completion": "yes", "label": "maybe"}, "true or false"),
        ({"prompt": "hi", "label": True}, "neither completion nor messages"),
        ({"messages": ASK, "label": True}, "end with the assistant's answer"),
        ({"prompt": " ", "completion": "yes", "label": True}, "prompt"),
    ],
)
def test_what_is_no_labelled_answer_says_why(record: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRecordError, match=problem):
        parse_record(record)


def test_a_good_and_a_bad_answer_to_one_prompt_are_a_pair_and_the_rest_is_counted() -> None:
    answers = [
        Unpaired("a", "good 1", True),
        Unpaired("b", "alone", False),
        Unpaired("a", "bad 1", False),
        Unpaired("a", "good 2", True),
        Unpaired(ASK, "good 3", True, "greeting"),
        Unpaired(ASK, "bad 3", False),
    ]
    pairs, left_over = pair_up(answers)
    assert [(pair.prompt, pair.chosen, pair.rejected) for pair in pairs] == [
        ("a", "good 1", "bad 1"),
        (ASK, "good 3", "bad 3"),
    ]
    assert pairs[1].category == "greeting"
    assert left_over == 2
