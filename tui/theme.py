"""Colour with one meaning each, in a dark and a light theme.

    good   green   better, healthy          bad   red    worse, over a limit, lost
    warn   amber   look at this             run   blue   this iteration, running
    dim            context                  faint        raw data, frames, rules         here  behind a cursor's row

Presenters name a tone as a rich style ("good", "bold bad"); widgets look it up in the theme that is on. A tone never
carries a meaning alone: a word or a sign stands beside it, because NO_COLOR leaves greys.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.errors import StyleSyntaxError
from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.theme import Theme

TONES: Mapping[str, str] = {
    "good": "success",
    "bad": "error",
    "warn": "warning",
    "run": "primary",
    "text": "foreground",
    "dim": "text-dim",
    "faint": "text-faint",
    "frame": "frame",
}
"""Tone → variable of the theme. The last three are ours; `FALLBACK` serves a theme that lacks them."""

FALLBACK: Mapping[str, float] = {"text-dim": 0.65, "text-faint": 0.40, "frame": 0.28, "here": 0.12}
"""Share of the foreground blended over the background."""


def _theme(name: str, dark: bool, **colours: str) -> Theme:
    own = {key: colours.pop(key) for key in ("dim", "faint", "frame", "here")}
    variables = {
        "text-dim": own["dim"],
        "text-faint": own["faint"],
        "frame": own["frame"],
        "here": own["here"],
        "foreground-muted": own["dim"],
        "border": colours["primary"],
        "border-blurred": own["frame"],
        "footer-background": colours["panel"],
        "footer-key-foreground": colours["warning"],
        "footer-description-foreground": colours["foreground"],
        "scrollbar": own["frame"],
        "scrollbar-background": colours["background"],
    }
    return Theme(name=name, dark=dark, variables=variables, **colours)  # type: ignore[arg-type]


DARK = _theme(
    "pilothouse-dark",
    dark=True,
    background="#101418",
    surface="#151a20",
    panel="#1c232b",
    foreground="#e2e6ea",
    primary="#60a5fa",
    secondary="#60a5fa",
    accent="#fbbf24",
    success="#34d17c",
    warning="#fbbf24",
    error="#ff6b6b",
    dim="#939ba5",
    faint="#68717c",
    frame="#4a525c",
    here="#202830",
)
LIGHT = _theme(
    "pilothouse-light",
    dark=False,
    background="#fbfbf9",
    surface="#f3f3f0",
    panel="#e7e8e4",
    foreground="#1b1f24",
    primary="#1d5fc4",
    secondary="#1d5fc4",
    accent="#8f5700",
    success="#0f7a2f",
    warning="#8f5700",
    error="#c0252d",
    dim="#5d646c",
    faint="#868d94",
    frame="#a9afb5",
    here="#dfe5ee",
)
THEMES = (DARK, LIGHT)


_BOLD = Style(bold=True)


class Palette:
    """Tones as rich styles over one background. Made anew when the theme or the widget's background changes."""

    def __init__(self, variables: Mapping[str, str], background: RichColor | None, *, colour: bool = True) -> None:
        """`colour` False is NO_COLOR: hues, whose greys would be darker than plain text, become plain or bold text."""
        self.base = Style(color=_colour("foreground", variables), bgcolor=background)
        self._tones = {tone: Style(color=_colour(name, variables)) for tone, name in TONES.items()}
        if not colour:
            plain = self._tones["text"]
            self._tones |= {"good": plain, "run": plain, "warn": plain + _BOLD, "bad": plain + _BOLD}
        self._tones["here"] = Style(bgcolor=_colour("here", variables))
        self._parts: dict[str, Style] = {}
        self._whole: dict[str | Style, Style] = {"": self.base}

    def style(self, name: str | Style) -> Style:
        """The style that `name` stands for: tones and rich's own words together, as in "bold good"; or a style."""
        found = self._whole.get(name)
        if found is None:
            found = self._whole[name] = self.base + self.part(name)
        return found

    def part(self, name: str | Style) -> Style:
        """`style` without the base, to lay over another."""
        if isinstance(name, Style):
            return name
        if name not in self._parts:
            self._parts[name] = Style.combine(self._tones.get(word) or _word(word) for word in name.split())
        return self._parts[name]

    def resolve(self, text: Text) -> Text:
        """`text` with its tone names turned into styles over the base."""
        result = Text(text.plain, end="", tab_size=4)
        result.stylize(self.style(text.style))
        for span in text.spans:
            result.stylize(self.part(span.style), span.start, span.end)
        return result


def _word(word: str) -> Style:
    try:
        return Style.parse(word)
    except StyleSyntaxError:
        return Style()


def _colour(name: str, variables: Mapping[str, str]) -> RichColor:
    if name in variables:
        return Color.parse(variables[name]).rich_color
    foreground, background = (Color.parse(variables.get(key, "ansi_default")) for key in ("foreground", "background"))
    return background.blend(foreground, FALLBACK.get(name, 1.0), alpha=1.0).rich_color
