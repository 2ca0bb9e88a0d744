from __future__ import annotations

import pytest

from engine.data.formats import BadRecordError, chat_pair, parse_record
from engine.records import Pair

TALK = "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: how are you?\n\nAssistant:"


def pair(chosen: str = f"{TALK} well", rejected: str = f"{TALK} ill") -> Pair:
    found = parse_record({"chosen": chosen, "rejected": rejected})
    assert isinstance(found, Pair)
    return found


def test_a_base_model_gets_the_text_and_a_chat_model_the_turns() -> None:
    plain = pair()
    assert (plain.prompt, plain.chosen, plain.rejected) == (TALK, " well", " ill")
    chat = chat_pair(plain, [])
    assert chat.prompt == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "how are you?"},
    ]
    assert (chat.chosen, chat.rejected) == ("well", "ill")


def test_answers_that_begin_alike_are_not_cut_at_their_first_difference() -> None:
    plain = pair(f"{TALK} I am well", f"{TALK} I am ill")
    assert (plain.prompt, plain.chosen, plain.rejected) == (TALK, " I am well", " I am ill")


def test_an_answer_of_several_paragraphs_stays_whole() -> None:
    assert pair(f"{TALK} one\n\ntwo").chosen == " one\n\ntwo"


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        (f"{TALK} well", "\n\nHuman: something else\n\nAssistant: ill"),  # they part ways before the last answer
        (f"{TALK} well\n\nHuman: bye", f"{TALK} ill"),  # the human has the last word
        (f"{TALK} well", f"{TALK} ill\n\nHuman: and?\n\nAssistant: worse"),
    ],
)
def test_transcripts_that_are_no_pair_are_refused(chosen: str, rejected: str) -> None:
    with pytest.raises(BadRecordError, match=r"assistant"):
        pair(chosen, rejected)


def test_a_transcript_as_the_prompt_becomes_turns_too() -> None:
    found = parse_record({"prompt": TALK, "chosen": " well", "rejected": " ill"})
    assert isinstance(found, Pair)
    assert len(chat_pair(found, []).prompt) == 3
