"""Files to imitate, in the shapes that people have."""

from __future__ import annotations

from typing import Any

import pytest

from engine.data.formats import BadRecordError
from engine.data.formats.examples import parse_examples
from engine.records import Example

HI = {"role": "user", "content": "hi"}
HELLO = {"role": "assistant", "content": "hello"}
WHY = {"role": "user", "content": "why ?"}
BECAUSE = {"role": "assistant", "content": "because"}
SYSTEM = {"role": "system", "content": "be kind"}


def example(prompt: Any, said: str, category: str = "") -> Example:
    return Example(prompt, said, category, "file")


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"prompt": "hi", "completion": " hello"}, [example("hi", " hello")]),
        ({"prompt": "hi", "response": "hello", "category": "chat"}, [example("hi", "hello", "chat")]),
        ({"prompt": [HI], "completion": [HELLO]}, [example([HI], "hello")]),
        ({"messages": [HI, HELLO]}, [example([HI], "hello")]),
        ({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]},
         [example([HI], "hello")]),
        ({"prompt": "hi", "chosen": "hello", "rejected": "ugh"}, [example("hi", "hello")]),
        ({"prompt": "hi", "completion": "hello", "label": True}, [example("hi", "hello")]),
        ({"prompt": "hi", "completion": "ugh", "label": False}, []),
    ],
)  # fmt: skip
def test_shapes(record: dict[str, Any], wanted: list[Example]) -> None:
    assert parse_examples(record) == wanted


def test_an_instruction_wears_the_dress_of_its_training_text() -> None:
    (found,) = parse_examples({"instruction": "Say hi", "input": "", "output": "hi"})
    assert isinstance(found.prompt, str)
    assert "### Instruction:\nSay hi" in found.prompt
    assert found.completion == "hi"


def test_a_conversation_gives_an_example_for_each_answer_with_all_that_was_said_before() -> None:
    found = parse_examples({"messages": [SYSTEM, HI, HELLO, WHY, BECAUSE]})
    assert found == [example([SYSTEM, HI], "hello"), example([SYSTEM, HI, HELLO, WHY], "because")]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("text", "not an object"),
        ({"prompt": "hi"}, "no answer"),
        ({"prompt": " ", "completion": "hello"}, "prompt is empty"),
        ({"messages": [HI]}, "no answer of the assistant"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "known role"),
        ({"prompt": [HELLO], "completion": "hello"}, "must end with the user's turn"),
    ],
)
def test_what_cannot_be_imitated_says_why(record: Any, problem: str) -> None:
    with pytest.raises(BadRecordError, match=problem):
        parse_examples(record)
