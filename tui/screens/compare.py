"""Iterations side by side: every metric's values, changes with how sure they are, and trends; and on one plane,
helpfulness against harmlessness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.worker import Worker, WorkerState

from engine.errors import PilothouseError
from tui.keys import COMPARE
from tui.messages import IterationsChanged
from tui.presenters.balance import AXES, LEGEND, explained, heading, missing, spots
from tui.presenters.compare import Look, Shown, about, compare_table, furthest, legend
from tui.screens.grid import fill
from tui.screens.keybar import KeyBar
from tui.screens.steering import Steering
from tui.session import Session
from tui.widgets import PlaneChart, Prose, Table

if TYPE_CHECKING:
    from engine.judgement import Comparison
    from engine.judgement.balance import Balance

FRAME = 4
"""Cells of the table's frame and padding; the table is as wide as the screen."""


class CompareScreen(Steering):
    """The comparison is made in a thread, and again when another iteration has been measured."""

    BINDINGS = [*COMPARE]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._look = Look(first=1_000_000)  # the newest first: what one came to see
        self._comparison: Comparison | None = None
        self._balance: Balance | None = None
        self._measured: object = None
        self._shown: Shown | None = None

    def compose(self) -> ComposeResult:
        yield Prose(id="compare-legend")
        yield Table((), "iterations side by side", cursor=True, empty="reading…", id="compare")
        yield PlaneChart(axes=AXES, empty="reading…", id="balance")
        yield Prose(id="compare-about")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(PlaneChart).display = False
        self.query_one(Table).focus()
        self.session.bulletin.follow(self, IterationsChanged, self._changed)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _changed(self, message: IterationsChanged) -> None:
        measured = [(one.index, one.status) for one in message.iterations if one.metrics]
        if measured != self._measured:
            self._measured = measured
            self.run_worker(
                self._load, thread=True, name="compare", group="compare", exclusive=True, exit_on_error=False
            )

    def _load(self) -> None:
        from engine.report import compare_run  # scipy and pydantic: only who compares waits for them

        try:
            found = compare_run(self.session.paths)
        except (PilothouseError, OSError) as error:
            self.app.call_from_thread(self._failed, str(error))
            return
        self.app.call_from_thread(self._loaded, *found)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A fault that nobody foresaw is shown too, rather than `reading…` for ever."""
        if event.state is WorkerState.ERROR:
            self._failed(repr(event.worker.error))

    def _failed(self, fault: str) -> None:
        self.query_one("#compare-legend", Prose).text = Text(fault, "bad")

    def _loaded(self, comparison: Comparison, balance: Balance) -> None:
        self._comparison, self._balance = comparison, balance
        self._tell()

    # ── showing ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _on_plane(self) -> bool:
        return bool(self.query_one(PlaneChart).display)

    def _tell(self) -> None:
        if self._comparison is None:
            return
        if self._on_plane:
            self._draw()
            return
        table = self.query_one(Table)
        table.empty = "nothing is measured yet"
        room = self.size.width - FRAME - table.lead  # the table itself may just have been hidden, and have no size
        shown = compare_table(self._comparison, self._look, room, table.glyphs.ramp)
        self._look, self._shown = furthest(shown, self._look), shown
        fill(table, shown.grid, shown.keys)
        if not table.cursor_key and len(shown.keys) > 1:
            table.cursor_row = 1  # the first row is a group's heading
        table.title = Text.assemble(("iterations side by side", "dim"), (_beyond(shown), "bold"))
        self.query_one("#compare-legend", Prose).text = Text(legend(self._comparison, self._look), "dim")
        self._explain()

    def _draw(self) -> None:
        """The plane, in the table's place."""
        found, plane = self._balance, self.query_one(PlaneChart)
        if found is None:
            return
        plane.empty, plane.spots = missing(found), spots(found)
        plane.title = heading(found)
        self.query_one("#compare-legend", Prose).text = Text(LEGEND, "dim")
        self._about(explained(found))

    def _about(self, lines: Sequence[str]) -> None:
        self.query_one("#compare-about", Prose).text = Text("\n".join(lines), "dim")

    @on(Table.Moved)
    def _explain(self) -> None:
        if self._comparison is None or self._shown is None or self._on_plane:
            return
        columns = self._shown.grid.columns
        newest = int(columns[-2].key) if len(columns) > 2 else None
        lines = about(self._comparison, self.query_one(Table).cursor_key, newest, self._look.against)
        self._about(lines)

    def on_resize(self, _: events.Resize) -> None:
        self.call_after_refresh(self._tell)

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def action_shift(self, by: int) -> None:
        if self._shown is not None:
            self._look = replace(self._look, first=max(1, 1 + self._shown.before + by))
            self._tell()

    def action_against(self) -> None:
        self._look = self._look.turn()
        self._tell()

    def action_way(self) -> None:
        self._look = replace(self._look, way=not self._look.way, first=1_000_000)
        self._tell()

    def action_balance(self) -> None:
        table, plane = self.query_one(Table), self.query_one(PlaneChart)
        table.display, plane.display = self._on_plane, not self._on_plane
        (plane if plane.display else table).focus()
        self._tell()

    def action_back(self) -> None:
        self.dismiss()


def _beyond(shown: Shown) -> str:
    """How many iterations lie to either side: `  ◂ 2  ▸ 1`."""
    left = f"  < {shown.before} more" if shown.before else ""
    return left + (f"  {shown.after} more >" if shown.after else "")
