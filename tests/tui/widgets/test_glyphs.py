import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from tui.glyphs import ASCII, UNICODE, PlainFilter, detect, plain


@pytest.mark.parametrize(
    ("ascii_only", "environ", "encoding", "glyphs"),
    [
        (False, {"LANG": "en_GB.UTF-8"}, "utf-8", UNICODE),
        (False, {}, "utf-8", UNICODE),
        (False, {"LC_ALL": "C.UTF-8"}, "utf-8", UNICODE),
        (True, {"LANG": "en_GB.UTF-8"}, "utf-8", ASCII),
        (False, {"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, "utf-8", ASCII),
        (False, {"LANG": "POSIX"}, "utf-8", ASCII),
        (False, {"LANG": "de_DE.ISO-8859-1"}, "iso-8859-1", ASCII),
        (False, {"TERM": "linux", "LANG": "en_GB.UTF-8"}, "utf-8", ASCII),
    ],
)
def test_the_terminal_is_asked_before_drawing(ascii_only: bool, environ: dict, encoding: str, glyphs: object) -> None:
    assert detect(ascii_only, environ, encoding) is glyphs


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_plain_text_is_ascii_and_as_wide_as_it_was(text: str) -> None:
    assert plain(text).isascii()
    assert len(plain(text)) == cell_len(text)


def test_signs_keep_their_likeness() -> None:
    assert plain("╭─ café → 71 °C ▲ ×2") == "+- cafe ->71 oC ^ x2"


def test_the_ascii_set_is_ascii_and_every_glyph_a_cell() -> None:
    for glyphs in (ASCII, UNICODE):
        for name in (
            "limit",
            "mark",
            "cursor",
            "axis",
            "tick",
            "full",
            "shade",
            "light",
            "heart",
            "arrow",
            "up",
            "here",
        ):
            assert cell_len(getattr(glyphs, name)) == 1
            assert getattr(glyphs, name).isascii() or glyphs is UNICODE
        assert len(glyphs.line) == len(glyphs.raw) == 2 ** (glyphs.dots[0] * glyphs.dots[1])


def test_braille_dots_are_where_the_bits_say() -> None:
    assert (UNICODE.line[1], UNICODE.line[2], UNICODE.line[64], UNICODE.line[255]) == ("⠁", "⠈", "⡀", "⣿")


def test_the_filter_reaches_every_segment() -> None:
    segments = PlainFilter().apply([Segment("▲ x"), Segment("┊")], Color(0, 0, 0))
    assert [segment.text for segment in segments] == ["^ x", "|"]
