"""Hostile text: nothing that a dataset or a model writes may steer a terminal or reorder what is read."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import UNSAFE, clean, one_line

ATTACKS = {
    "writes the clipboard (OSC 52)": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "the same by a C1 byte": "\x9d52;c;cm0gLXJmIH4=\x9c",
    "clears the screen": "\x1b[2J\x1b[H",
    "clears it by C1 CSI": "\x9b2J",
    "sets the title": "\x1b]0;you are root\x1b\\",
    "asks the terminal to answer": "\x1b[c\x1b[6n\x05",
    "resets the terminal": "\x1bc",
    "overwrites the line": "accept\rreject",
    "rubs out": "safe\b\b\b\bevil\x7f",
    "rings": "\a\a\a",
    "ends a C string": "a\0b",
    "reorders (RLO)": "user\u202etxt.exe",
    "reorders (isolates)": "\u2066a\u2067b\u2068c\u2069",
    "marks direction": "\u200ea\u200fb\u061cc",
    "lone surrogates": "\ud800 \udfff",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_nothing_hostile_is_left(attack: str) -> None:
    for cleaned in (clean(attack), one_line(attack)):
        assert not UNSAFE.search(cleaned)
        cleaned.encode("utf-8")  # a lone surrogate would raise


def test_an_escape_stays_visible_but_dead() -> None:
    assert clean("a\x1b[2Jb") == "a␛[2Jb"


def test_reordering_marks_leave_a_trace() -> None:
    assert clean("user\u202etxt.exe") == "user\N{REPLACEMENT CHARACTER}txt.exe"


def test_layout_survives() -> None:
    assert clean("def f():\n\treturn 1\n") == "def f():\n\treturn 1\n"


def test_carriage_returns_cannot_hide_a_line() -> None:
    assert clean("accept\rreject") == "acceptreject"
    assert one_line("line one\r\nline\ttwo") == "line one line two"


@pytest.mark.parametrize("text", ["[/nope]", "[bold]x", "[link=http://x]y[/]", "[@click=app.quit]z[/]", "\\[", "{0}%s"])
def test_markup_is_plain_text(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("text", ["Grüße", "日本語", "עברית", "مرحبا", "🙂👩‍👩‍👧", "∑ 𝔘", "naïve e\u0301"])
def test_every_script_is_kept(text: str) -> None:
    assert clean(text) == text


def test_length_is_bounded_and_the_cut_is_shown() -> None:
    assert clean("x" * 50, limit=10) == "x" * 9 + "…"
    assert clean("x" * 10, limit=10) == "x" * 10
    assert len(clean("\x1b" * 300_000)) == 100_000
    assert len(one_line("word " * 1000)) == 200


@given(st.text(st.characters()))
def test_any_text_comes_out_safe_and_stays_so(text: str) -> None:
    cleaned = clean(text)
    assert {unicodedata.category(char) for char in cleaned} & {"Cc", "Cs"} <= {"Cc"}
    assert {char for char in cleaned if unicodedata.category(char) == "Cc"} <= {"\t", "\n"}
    assert clean(cleaned) == cleaned
    assert "\n" not in one_line(text)
