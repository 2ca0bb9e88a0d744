"""The table of pairs: made once for thousands of rows, of which only those in sight are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from textual.binding import Binding

from tui.presenters.data import QUARANTINED, Hand, Item, cells, tone
from tui.widgets import Column, Table, TableRow
from tui.widgets.table import LEAST, fit

COLUMNS = (
    Column("prompt", flexible=True),
    Column("source", priority=3),
    Column("category", priority=4, flexible=True),
    Column("gap", align="right", priority=1),
    Column("scores", align="right", priority=6),
    Column("weight", align="right", priority=5),
    Column("filter", priority=2),
    Column("by hand", priority=1),
)
PROMPT = 400
"""Cells that the prompt would like, so that it takes whatever the others leave."""
PROMPT_LEAST = 28
"""Cells that it keeps."""


@dataclass(frozen=True)
class Rows:
    """All pairs as rows, and one row as wide as the widest of each column. Made in a thread: thousands take a while."""

    by_key: Mapping[str, TableRow] = field(default_factory=dict)
    widest: TableRow = field(default_factory=lambda: TableRow(("",) * len(COLUMNS)))

    @classmethod
    def of(cls, every: Sequence[Item], hand: Hand) -> Rows:
        texts = {item.key: cells(item, hand) for item in every}
        columns = [max(column, key=len) for column in zip(*texts.values(), strict=True)] or [""] * len(COLUMNS)
        rows = {item.key: TableRow(texts[item.key], item.key, tone(item, hand)) for item in every}
        return cls(rows, TableRow(("x" * PROMPT, *columns[1:-1], QUARANTINED)))


class PairTable(Table):
    """`made` has all rows; `choose` says which are shown."""

    BINDINGS = [
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
    ]

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(COLUMNS, "pairs", cursor=True, empty="reading the pairs…", id=id)
        self.made = Rows()

    def choose(self, items: Sequence[Item], empty: str) -> None:
        """The rows of these items and no others; the cursor stays on its pair where that is among them."""
        self.empty = empty
        self.set_rows([self.made.by_key[item.key] for item in items])

    def widths(self, width: int) -> dict[int, int]:
        """Columns leave before the prompt gets too short to be told from others."""
        found = fit(self.columns, [self.made.widest], max(width - PROMPT_LEAST + LEAST, 1))
        return {**found, 0: found[0] + PROMPT_LEAST - LEAST}

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(self.inner.height - 2, 1))
