"""Two or three texts side by side with their scores; words that differ from the text to the left stand out.

Where the columns would be narrower than `LEAST` cells they stand one under the other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise, zip_longest

from rich.text import Text
from textual.reactive import reactive

from tui.widgets.panel import Row, Words
from tui.widgets.scrolling import ScrollPanel
from tui.widgets.strips import Run

LEAST = 30
GAP = 3
ALIKE = 0.3
"""Share of common words below which a comparison would only make everything bold."""
LONG = 2_000
"""Words beyond which two texts are not compared: the matcher's cost grows with the product of their lengths."""


@dataclass(frozen=True, slots=True)
class Side:
    """One text, its heading ("baseline"), and its score where it has one. `best` marks the preferred one in words."""

    title: str
    text: str
    score: str = ""
    best: bool = False


class SideBySide(ScrollPanel):
    """`sides` from left to right: baseline, parent, this. `prompt` stands above them."""

    sides: reactive[tuple[Side, ...]] = reactive[tuple[Side, ...]]((), repaint=False)
    prompt: reactive[str] = reactive("", repaint=False)

    def __init__(self, title: Words = "", *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(title, id=id, classes=classes)
        self._laid: tuple[int, list[Row]] = (0, [])

    def show(self, prompt: str, sides: Sequence[Side]) -> None:
        """Another sample, from its first line."""
        self.prompt, self.sides = prompt, tuple(sides)
        self.offset_rows = 0

    def all_rows(self, width: int) -> Sequence[Row]:
        if not self.sides:
            return [self.runs(line) for line in self._wrap(Text(self.prompt or "no samples yet", "dim"), width)]
        if self._laid[0] != width:
            self._laid = (width, self._lay_out(width))
        return self._laid[1]

    def _lay_out(self, width: int) -> list[Row]:
        head = [self.runs(line) for line in self._wrap(Text(self.prompt, "dim"), width)] if self.prompt else []
        texts = emphasised(self.sides)
        each = (width - GAP * (len(texts) - 1)) // len(texts)
        if each < LEAST:
            return [*head, *self._stacked(texts, width)]
        columns = [[self._heading(side), *self._wrap(text, each)] for side, text in zip(self.sides, texts, strict=True)]
        return [*head, [], *(self._across(lines, each) for lines in zip_longest(*columns))]

    def _stacked(self, texts: list[Text], width: int) -> list[Row]:
        rows: list[Row] = []
        for side, text in zip(self.sides, texts, strict=True):
            rows += [[], self.runs(self._heading(side))]
            rows += [[("  ", ""), *self.runs(line)] for line in self._wrap(text, width - 2)]
        return rows

    def _across(self, lines: Sequence[Text | None], each: int) -> Row:
        row: list[Run] = []
        for index, line in enumerate(lines):
            shown = line or Text()
            row += [(f" {self.glyphs.axis} ", "frame")] if index else []
            row += self.runs(shown)
            row.append((" " * (each - shown.cell_len), ""))
        return row

    def _heading(self, side: Side) -> Text:
        text = Text(side.title, "bold")
        text.append(f"  {side.score}" if side.score else "", "good" if side.best else "dim")
        return text.append("  preferred" if side.best else "", "good")

    def _wrap(self, text: Text, width: int) -> list[Text]:
        return list(text.wrap(self.app.console, max(width, 8), overflow="fold")) or [Text()]

    def _changed(self) -> None:
        self._laid = (0, [])
        self.stale(resized=True)

    def watch_sides(self) -> None:
        self._changed()

    def watch_prompt(self) -> None:
        self._changed()

    def notify_style_update(self) -> None:
        self._laid = (0, [])
        super().notify_style_update()


def emphasised(sides: Sequence[Side]) -> list[Text]:
    """Each text; from the second on, words that the one to its left does not have are bold."""
    texts = [Text(sides[0].text)] if sides else []
    for left, right in pairwise(sides):
        text = Text(right.text)
        for start, end in new_words(left.text, right.text):
            text.stylize("bold run", start, end)
        texts.append(text)
    return texts


def new_words(before: str, after: str) -> list[tuple[int, int]]:
    """Character ranges of `after` whose words were not there, in that order, in `before`; none if all is new."""
    old, new = (list(re.finditer(r"\S+", text)) for text in (before, after))
    if not new or max(len(old), len(new)) > LONG:
        return []
    matcher = SequenceMatcher(None, [m.group() for m in old], [m.group() for m in new], autojunk=False)
    if matcher.ratio() < ALIKE:
        return []
    return [
        (new[j0].start(), new[j1 - 1].end())
        for tag, _, _, j0, j1 in matcher.get_opcodes()
        if j1 > j0 and tag != "equal"
    ]
