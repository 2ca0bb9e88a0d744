"""The gate's first row, whose clock says how long the run has waited; and what became of a choice."""

from __future__ import annotations

from rich.text import Text
from textual.reactive import reactive

from tui.messages import GateChanged, HealthChanged, IterationsChanged
from tui.presenters.gate import decision_line, gate_title
from tui.session import Session
from tui.widgets import Panel, Prose
from tui.widgets.panel import Row
from tui.widgets.words import duration


class GateHead(Panel):
    DEFAULT_CSS = "GateHead { height: 1; padding: 0 1; }"

    def __init__(self, session: Session) -> None:
        super().__init__(framed=False)
        self.session = session

    def on_mount(self) -> None:
        super().on_mount()
        self.session.bulletin.follow(self, GateChanged, lambda _: self.stale())
        self.session.bulletin.follow(self, IterationsChanged, lambda _: self.stale())
        self.set_interval(1.0, self.stale)

    def paint(self, width: int, height: int) -> list[Row]:  # noqa: ARG002
        latest = self.session.bulletin.latest(GateChanged)
        gate = latest.gate if latest else None
        left = Text.assemble((self.session.paths.name, "bold"), "   ")
        if gate is None:
            return [self.runs(left.append("no gate yet", "dim"))]
        left.append(gate_title(gate.assessment), "bold warn" if gate.decision is None else "dim")
        if self.session.readonly:
            left.append("   read-only", "warn")
        tree = self.session.bulletin.latest(IterationsChanged)
        if tree is not None and not tree.evidence:
            left.append("   evidence: off", "bold warn")
        right = Text()
        if gate.decision is None:
            waited = max(0.0, self.session.clock() - gate.opened)
            right = Text.assemble(("waiting ", "dim"), (duration(waited), "bold"))
        left.truncate(max(width - len(right) - 1, 0), overflow="ellipsis")
        return [self.runs(left.append(" " * (width - len(left) - len(right))).append_text(right))]


class GateState(Prose):
    """Empty until there is something to say: a choice on its way, another's decision, an engine that is gone."""

    pending: reactive[Text] = reactive(Text(), repaint=False)

    def __init__(self, session: Session) -> None:
        super().__init__(id="gate-state")
        self.session = session

    def on_mount(self) -> None:
        super().on_mount()
        self.session.bulletin.follow(self, GateChanged, lambda _: self.tell())
        self.session.bulletin.follow(self, HealthChanged, lambda _: self.tell())

    def watch_pending(self) -> None:
        self.tell()

    def tell(self) -> None:
        self.text = self._words()
        self.display = bool(self.text.plain)

    def _words(self) -> Text:
        gate, health = self.session.bulletin.latest(GateChanged), self.session.bulletin.latest(HealthChanged)
        if health is not None and health.state == "lost":
            words = "The engine is gone while the run waits here. Nothing is lost. "
            return Text.assemble((words, "bold bad"), ("R", "bold warn"), " starts a new engine; decide then.")
        if gate is not None and gate.gate is not None and gate.gate.decision is not None:
            return Text(f"Already decided: {decision_line(gate.gate.decision)}", "bold warn")
        if self.pending.plain:
            return self.pending
        return Text("read-only: this terminal cannot decide", "warn") if self.session.readonly else Text()
