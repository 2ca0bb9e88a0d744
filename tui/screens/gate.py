"""The gate: what the rules found and propose, and the keys that answer. A key asks; only `y` decides."""

from __future__ import annotations

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container

from engine.records import Assessment, Iteration
from tui.keys import GATE
from tui.messages import CommandApplied, CommandSent, GateChanged, HealthChanged, IterationsChanged, PlanRead
from tui.presenters import choices
from tui.presenters.cell import Cell
from tui.presenters.choices import Choice
from tui.presenters.gate import (
    add_row,
    evaluation_table,
    proposal_notes,
    proposal_table,
    verdict_text,
    weakness_table,
    why_text,
)
from tui.presenters.weakness import ordered
from tui.screens.decide import Decide
from tui.screens.gatehead import GateHead, GateState
from tui.screens.grid import fill
from tui.screens.keybar import KeyBar
from tui.screens.rollback import RollbackPicker
from tui.screens.samples import Samples
from tui.screens.steering import Steering
from tui.screens.tabs import Tabs
from tui.screens.wrapping import WrappingTable
from tui.session import Session
from tui.widgets import Prose, Table
from tui.widgets.confirm import GRACE_S

DECIDING = frozenset({"accept", "edit", "rollback", "retry", "finish"})
PANELS = ("weaknesses", "proposal", "evaluation", "samples")
WIDE, TALL = 100, 34
LEAST_ROWS = 5


class GateScreen(Steering):
    BINDINGS = [*GATE]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._opened = session.monotonic()
        self._shown = PANELS[0]
        self._alive = ("", "")
        self._memory: tuple[Cell, ...] | None = None
        self._planned = False

    def compose(self) -> ComposeResult:
        yield GateHead(self.session)
        yield Prose(id="verdict")
        yield GateState(self.session)
        yield Tabs(PANELS)
        with Container(id="gate"):
            title = Text.assemble(("weaknesses", "dim"), ("  enter opens one", "faint"))
            none = "none: all is within its limits"
            yield WrappingTable(title, empty=none, least=30, id="weaknesses", cursor=True)
            yield WrappingTable("next iteration", empty="no change", least=16, id="proposal")
            yield Table((), "evaluation", empty="not measured yet", id="evaluation", cursor=True)
            yield Samples(self.session, id="samples")
        yield KeyBar(rows=2)

    def on_mount(self) -> None:
        self._opened = self.session.monotonic()
        self.set_timer(GRACE_S, self.refresh_bindings)
        follow = self.session.bulletin.follow
        follow(self, GateChanged, lambda _: self._tell())
        follow(self, IterationsChanged, lambda _: self._tell())
        follow(self, HealthChanged, self._living)
        follow(self, PlanRead, lambda _: self._plan())
        follow(self, CommandSent, self._sent)
        follow(self, CommandApplied, self._applied)

    # ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def scene(self) -> tuple[tuple[Iteration, ...], Assessment] | None:
        """The tree and what is said of its newest gate; None while either is not read yet."""
        gate = self.session.bulletin.latest(GateChanged)
        tree = self.session.bulletin.latest(IterationsChanged)
        if gate is None or gate.gate is None or tree is None or len(tree.iterations) <= gate.gate.iteration:
            return None
        return tree.iterations, gate.gate.assessment

    @property
    def open(self) -> bool:
        gate = self.session.bulletin.latest(GateChanged)
        return gate is not None and gate.gate is not None and gate.gate.decision is None

    def _tell(self) -> None:
        if self.scene is None:
            return
        iterations, assessment = self.scene
        self.query_one("#verdict", Prose).text = verdict_text(assessment)
        self.query_one("#weaknesses", WrappingTable).show(weakness_table(assessment))
        proposal = self.query_one("#proposal", WrappingTable)
        changes = proposal_table(assessment, iterations)
        proposal.show(add_row(changes, self._memory) if self._memory else changes, proposal_notes(assessment))
        fill(self.query_one("#evaluation", Table), evaluation_table(iterations, assessment.index))
        this = iterations[assessment.index]
        self.query_one(Samples).look(this.index, this.parent)
        self.call_after_refresh(self._fit)
        self.refresh_bindings()
        self._plan()

    def _plan(self) -> None:
        """What the proposal changes about memory, of a run whose memory was planned: asked once, in a thread."""
        from tui.screens.gatememory import row_of

        scene, planner = self.scene, self.pilothouse.planner
        if scene is None or self._planned or self.session.bulletin.latest(PlanRead) is None:
            return
        self._planned = True
        memory = self.health.pulse.memory if self.health and self.health.pulse else None

        def plan() -> None:
            self.app.call_from_thread(self._tell_memory, row_of(self.session.paths, planner, *scene, memory))

        self.run_worker(plan, thread=True, name="plan", group="plan", exit_on_error=False)

    def _tell_memory(self, row: tuple[Cell, ...] | None) -> None:
        self._memory = row
        if self.is_attached:
            self._tell()

    def _fit(self) -> None:
        """Where the findings are long the evaluation gets the rows that are left, and scrolls."""
        evaluation, room = self.query_one("#evaluation", Table), self.query_one("#gate").region
        evaluation.styles.max_height = None if self.single else max(LEAST_ROWS, room.bottom - evaluation.region.y)

    @property
    def single(self) -> bool:
        return self.size.width < WIDE or self.size.height < TALL

    def _living(self, message: HealthChanged) -> None:
        """Keys make another sense when the engine comes or goes, not at every heartbeat."""
        if (alive := (message.state, message.life.verdict)) != self._alive:
            self._alive = alive
            self.refresh_bindings()

    def on_resize(self, _: events.Resize) -> None:
        self.set_class(self.single, "-single-gate")
        self.query_one("#gate").set_class(self.single, "-single")
        self.action_panel(PANELS.index(self._shown) + 1)
        self.call_after_refresh(self._fit)

    def action_panel(self, number: int) -> None:
        self._shown = PANELS[number - 1]
        for name in PANELS:
            self.query_one(f"#{name}").set_class(name == self._shown, "-shown")
        self.query_one(Tabs).tell(self._shown, self.single)

    def action_tab(self, by: int) -> None:
        """Between panels: alone the next one is shown, else focus moves."""
        if self.single:
            self.action_panel((PANELS.index(self._shown) + by) % len(PANELS) + 1)
        elif by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None shows a key as disabled. In the first moments no key counts: it was meant for the screen below."""
        if action in {binding.action for binding in GATE} and self.session.monotonic() - self._opened < GRACE_S:
            return None
        if action in DECIDING:
            ready = self.open and self.scene is not None and not self.session.readonly
            return True if ready and not self.query_one(GateState).pending else None
        if action == "resume":
            return self.resumable
        return super().check_action(action, parameters)

    def action_accept(self) -> None:
        if self.scene:
            self._ask(choices.recommended(*self.scene))

    def action_retry(self) -> None:
        if self.scene:
            self._ask(choices.retry(*self.scene))

    def action_finish(self) -> None:
        if self.scene:
            self._ask(choices.finish(self.scene[1]))

    def action_rollback(self) -> None:
        if self.scene:
            self.app.push_screen(RollbackPicker(*self.scene), self._ask)

    def action_edit(self) -> None:
        from tui.screens.edit import EditScreen  # pydantic: only who edits waits for it

        if self.scene:
            self.app.push_screen(EditScreen(choices.editable(*self.scene)), self._ask)

    def action_sample(self, by: int) -> None:
        self.query_one(Samples).step(by)

    def action_samples(self) -> None:
        self.pilothouse.open_samples()

    def action_compare(self) -> None:
        self.pilothouse.open_compare()

    def action_why(self) -> None:
        from tui.screens.why import WhyScreen

        if self.scene:
            tree = self.session.bulletin.latest(IterationsChanged)
            text = why_text(self.scene[1], tree is None or tree.evidence)
            self.app.push_screen(WhyScreen(self.session, text))

    @on(WrappingTable.Opened, "#weaknesses")
    def _open_weakness(self, event: WrappingTable.Opened) -> None:
        """Only opens: what a key was meant for on the screen below must not count here either."""
        from tui.screens.weakness import WeaknessScreen

        if self.scene is None or self.session.monotonic() - self._opened < GRACE_S:
            return
        iterations, assessment = self.scene
        this = iterations[assessment.index]
        weakness = ordered(assessment.weaknesses)[event.index]
        self.app.push_screen(WeaknessScreen(self.session, weakness, this.index, this.parent))

    def action_back(self) -> None:
        self.pilothouse.close_gate()

    def _ask(self, choice: Choice | None) -> None:
        def answer(why: str | None) -> None:
            if why is not None:
                self.steer("decide", choice.argument(), why)  # type: ignore[union-attr]

        if choice is not None:
            self.app.push_screen(Decide(choice, self.session.monotonic), answer)

    # ── what became of it ────────────────────────────────────────────────────────────────────────────────────────

    def _sent(self, message: CommandSent) -> None:
        if message.command.kind == "decide":
            self.query_one(GateState).pending = Text("Sent. Waiting for the engine to take it…", "run")
            self.refresh_bindings()

    def _applied(self, message: CommandApplied) -> None:
        applied = message.applied
        if applied.command.kind != "decide":
            return
        state = self.query_one(GateState)
        state.pending = Text() if applied.ok else Text(f"Not applied: {applied.result}", "bold warn")
        if applied.ok:
            self.pilothouse.close_gate()
        self.refresh_bindings()
