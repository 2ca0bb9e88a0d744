"""One row that names the panels of a screen which shows one at a time, with the key of each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from tui.widgets import Prose


class Tabs(Prose):
    DEFAULT_CSS = "Tabs { height: 1; padding: 0 1; display: none; }"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = tuple(names)

    def tell(self, shown: str, visible: bool, words: Sequence[str] = ()) -> None:
        """`shown` is one of the names; `words` are what stands there instead of them."""
        self.display = visible
        self.text = Text().join(
            Text(f" {index + 1} {word} ", "bold reverse" if name == shown else "dim")
            for index, (name, word) in enumerate(zip(self._names, words or self._names, strict=True))
        )
