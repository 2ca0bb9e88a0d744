from __future__ import annotations

from typing import Any

import pytest

from engine.data.formats import BadRecordError, chat_pair, parse_record
from engine.records import Pair

ASK = [{"role": "user", "content": "hi"}]
YES, NO = ({"role": "assistant", "content": text} for text in ("yes", "no"))


def parsed(record: Any) -> Pair:
    found = parse_record(record)
    assert isinstance(found, Pair)
    return found


@pytest.mark.parametrize(
    ("record", "prompt"),
    [
        ({"prompt": "hi", "chosen": "yes", "rejected": "no"}, "hi"),
        ({"prompt": "hi", "chosen": [*ASK, YES], "rejected": [*ASK, NO], "messages": [*ASK, YES]}, "hi"),
        ({"prompt": ASK, "chosen": [YES], "rejected": [NO]}, ASK),
        ({"prompt": ASK, "chosen": [*ASK, YES], "rejected": [*ASK, NO]}, ASK),
        ({"chosen": [*ASK, YES], "rejected": [*ASK, NO]}, ASK),
        ({"prompt": ASK, "chosen": "yes", "rejected": "no"}, ASK),
        ({"conversations": [{"from": "human", "value": "hi"}], "chosen": {"from": "gpt", "value": "yes"},
          "rejected": {"from": "gpt", "value": "no"}}, ASK),
    ],
)  # fmt: skip
def test_each_format_becomes_the_same_pair(record: dict[str, Any], prompt: object) -> None:
    pair = parsed(record)
    assert (pair.prompt, pair.chosen, pair.rejected) == (prompt, "yes", "no")


def test_an_implicit_prompt_is_what_both_sides_begin_with() -> None:
    pair = parsed({"chosen": "Human: hi Assistant: yes it is", "rejected": "Human: hi Assistant: yesterday"})
    assert (pair.prompt, pair.chosen, pair.rejected) == ("Human: hi Assistant:", " yes it is", " yesterday")


def test_an_instruction_wears_alpaca_for_a_base_model_and_a_message_for_a_chat_model() -> None:
    pair = parsed({"instruction": "Fix it.", "input": "He go.", "chosen": "He goes.", "rejected": "He gone."})
    assert isinstance(pair.prompt, str)
    assert pair.prompt.endswith("### Instruction:\nFix it.\n\n### Input:\nHe go.\n\n### Response:\n")
    assert chat_pair(pair, []).prompt == [{"role": "user", "content": "Fix it.\n\nHe go."}]


def test_a_prompt_that_is_dressed_for_its_model_stays_so() -> None:
    pair = parsed({"prompt": "<|user|>hi", "chosen": "yes", "rejected": "no"})
    assert chat_pair(pair, ["<|user|>"]) == pair
    assert chat_pair(pair, []).prompt == [{"role": "user", "content": "<|user|>hi"}]


def test_rows_are_what_trl_takes() -> None:
    plain = parsed({"prompt": "hi", "chosen": "yes", "rejected": "no"})
    assert plain.row() == {"prompt": "hi", "chosen": "yes", "rejected": "no"}
    assert chat_pair(plain, []).row() == {"prompt": ASK, "chosen": [YES], "rejected": [NO]}


def test_scores_of_the_file_become_the_gap_and_a_category_is_kept() -> None:
    record = {"prompt": "hi", "chosen": "yes", "rejected": "no", "category": "greeting"}
    assert parsed({**record, "metadata": {"score_chosen": 9.0, "score_rejected": 7.5}}).gap == 1.5
    assert parsed({**record, "score_chosen": 1, "score_rejected": 1}).gap == 0
    assert parsed(record).gap is None
    assert parsed(record).category == "greeting"


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (7, "not an object"),
        ({"prompt": "hi", "chosen": "yes"}, "no rejected"),
        ({"prompt": [*ASK, YES], "chosen": [YES], "rejected": [NO]}, "end with the user's turn"),
        ({"prompt": " ", "chosen": "yes", "rejected": "no"}, "prompt is empty"),
        ({"prompt": "hi", "chosen": 3, "rejected": "no"}, "not text"),
        ({"chosen": "yes", "rejected": "no"}, "do not begin alike"),
        ({"prompt": ASK, "chosen": [YES, YES], "rejected": [NO]}, "one assistant's turn"),
        ({"prompt": ASK, "chosen": ASK, "rejected": [NO]}, "one assistant's turn"),
        ({"prompt": [{"role": "wizard", "content": "hi"}], "chosen": [YES], "rejected": [NO]}, "known role"),
        ({"instruction": None, "chosen": "yes", "rejected": "no"}, "instruction"),
    ],
)
def test_what_is_no_pair_says_why(record: object, problem: str) -> None:
    with pytest.raises(BadRecordError, match=problem):
        parse_record(record)
