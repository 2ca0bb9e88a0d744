from __future__ import annotations

from random import Random

import pytest

from engine.data.filters.text import is_degenerate, is_garbled

TEXT = " ".join(f"word{i}" for i in range(20))
LINE = "- Drink more water, and do it every single day of the week.\n"


@pytest.mark.parametrize("text", ["no " * 8, "you know what " * 5, "a a a a a a a b c", LINE * 12, "好" * 100])
def test_repetition_is_degenerate(text: str) -> None:
    assert is_degenerate(text)


@pytest.mark.parametrize("text", ["", "no no no", TEXT, "the cat and the dog and the bird sat on the mat"])
def test_plain_text_is_not(text: str) -> None:
    assert not is_degenerate(text)


@pytest.mark.parametrize(
    "text",
    ["donâ€™t", "cafÃ© crÃ¨me", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "what\ufffd is\ufffd this\ufffd", "a\x00b\x01c"],
)
def test_text_that_lost_its_encoding_is_garbled(text: str) -> None:
    assert is_garbled(text, 0.01)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "don’t – “quote” … 40 °C",
        "café crème, NÃO, ÂGE",
        "привет",
        "你好，世界",
        "naïve Ångström\t\n",
        "x" * 500 + "\ufffd",
    ],
)
def test_text_in_any_language_is_not(text: str) -> None:
    assert not is_garbled(text, 0.01)


def test_every_accented_letter_is_known_when_read_wrongly() -> None:
    rng = Random(0)
    letters = [chr(code) for code in range(0xC0, 0x17F)]
    for letter in rng.sample(letters, 60):
        try:
            wrong = letter.encode().decode("cp1252")
        except UnicodeDecodeError:
            continue
        assert is_garbled(wrong * 3, 0.01) == (wrong[0] in "ÂÃÅ"), letter
