import pytest
from rich.color import ColorSystem
from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.theme import Theme

from tui.theme import THEMES, TONES, Palette


def variables(theme: Theme) -> dict[str, str]:
    return {**theme.to_color_system().generate(), **theme.variables}


def luminance(colour: Color) -> float:
    """WCAG 2.1, relative luminance."""
    parts = [part / 255 for part in (colour.r, colour.g, colour.b)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", ["background", "surface"])
def test_every_tone_can_be_read(theme: Theme, ground: str) -> None:
    known = variables(theme)
    least = {"faint": 3.0, "frame": 1.9}  # raw data and frames: WCAG's bound for graphics, and decoration
    for tone, name in TONES.items():
        assert contrast(known[name], known[ground]) >= least.get(tone, 4.5), tone


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_meanings_stay_apart_in_sixteen_colours(theme: Theme) -> None:
    known = variables(theme)
    sixteen = {
        tone: Color.parse(known[name]).rich_color.downgrade(ColorSystem.STANDARD).number for tone, name in TONES.items()
    }
    ground = Color.parse(known["background"]).rich_color.downgrade(ColorSystem.STANDARD).number
    meanings = [sixteen[tone] for tone in ("good", "bad", "warn", "run", "text", "dim")]
    assert len(set(meanings)) == len(meanings)
    assert ground not in sixteen.values()


def test_a_palette_knows_tones_rich_words_and_nonsense() -> None:
    palette = Palette(variables(THEMES[0]), None)
    good = palette.style("bold good")
    assert good.bold
    assert good.color == Color.parse(THEMES[0].success or "").rich_color
    assert palette.style("no-such-tone") == palette.base


def test_spans_lie_over_the_base_of_their_line() -> None:
    palette = Palette(variables(THEMES[0]), None)
    line = palette.resolve(Text.assemble(("ab", "dim"), "c", style="reverse"))
    assert line.spans[0].style == palette.style("reverse")
    assert line.spans[1].style == palette.part("dim")


def test_without_colour_no_meaning_is_darker_than_text() -> None:
    palette = Palette(variables(THEMES[0]), None, colour=False)
    assert palette.style("bad") == palette.style("text") + Style(bold=True)
    assert palette.style("good") == palette.style("text")


def test_a_foreign_theme_is_enough() -> None:
    plain = Theme(name="plain", primary="#ffffff").to_color_system().generate()
    palette = Palette(plain, None)
    assert len({str(palette.style(tone).color) for tone in ("text", "dim", "faint", "frame")}) == 4
