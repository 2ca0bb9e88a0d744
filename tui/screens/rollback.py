"""Where should the next iteration start from? The tree of iterations, each with what choosing it would do."""

from __future__ import annotations

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from engine.records import Assessment, Iteration
from tui.presenters.choices import Choice, consequence, rollback
from tui.presenters.tree import tree_table
from tui.screens.grid import fill
from tui.widgets import Prose, Table


class RollbackPicker(ModalScreen[Choice | None]):
    """Dismisses with a choice, which the gate then asks to confirm; None on escape."""

    BINDINGS = [("escape", "cancel", "back")]

    def __init__(self, iterations: tuple[Iteration, ...], assessment: Assessment) -> None:
        super().__init__()
        self._iterations, self._assessment = iterations, assessment

    def compose(self) -> ComposeResult:
        with Vertical(id="picker"):
            yield Table((), "start the next iteration from", cursor=True, id="tree")
            yield Prose(id="picker-about", title="then", framed=True)
            keys = Text.assemble(("↑ ↓", "bold warn"), " choose   ", ("enter", "bold warn"), " asks before it decides")
            yield Prose(keys.append("   ").append("esc", "bold warn").append(" back"), id="prompt-fault")

    def on_mount(self) -> None:
        grid, keys = tree_table(self._iterations, self._assessment)
        table = self.query_one(Table)
        fill(table, grid, keys)
        wanted = str(self._assessment.proposal.parent)
        table.cursor_row = keys.index(wanted) if wanted in keys else 0
        table.focus()
        self._tell()

    @on(Table.Moved)
    def _tell(self) -> None:
        if choice := self._choice():
            self.query_one("#picker-about", Prose).text = "\n".join(consequence(choice))

    @on(Table.Chosen)
    def _chosen(self) -> None:
        self.dismiss(self._choice())

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _choice(self) -> Choice | None:
        key = self.query_one(Table).cursor_key
        return rollback(self._iterations, self._assessment, int(key)) if key else None
