"""The run: header, what happened, the board, and the keys that steer it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult, SystemCommand

from tui.keys import RUN
from tui.messages import FeedFailed, GateChanged, HealthChanged
from tui.presenters.run import banner
from tui.screens.board import PANELS, Board
from tui.screens.controls import Controls
from tui.screens.header import Header
from tui.screens.keybar import KeyBar
from tui.screens.tabs import Tabs
from tui.session import Session
from tui.widgets import Prose

WIDE, TALL = 100, 30
"""Below either the board shows one panel, with tabs."""


class RunScreen(Controls):
    BINDINGS = [*RUN]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._told: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield Header(self.session)
        yield Prose(id="banner")
        yield Tabs(PANELS)
        yield Board(self.session)
        yield KeyBar()

    def on_mount(self) -> None:
        follow = self.session.bulletin.follow
        follow(self, HealthChanged, lambda _: self._tell())
        follow(self, GateChanged, lambda _: self._tell())
        follow(self, FeedFailed, self._failed)

    @property
    def board(self) -> Board:
        return self.query_one(Board)

    @property
    def compact(self) -> bool:
        return self.size.width < WIDE or self.size.height < TALL

    # ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self) -> None:
        """The banner, and which keys make sense now."""
        standing, health = self.standing, self.health
        if standing is None or health is None:
            return
        latest = self.session.bulletin.latest(GateChanged)
        known = (standing, health.info, health.life.verdict, latest)
        if known == self._told:
            return
        self._told = known
        words = self.session.client.last_words() if standing.state in {"failed", "lost"} else ()
        model = str(self.session.paths.final)
        told = banner(standing, health.info, latest.gate if latest else None, words, model, self.pilothouse.key_of)
        area = self.query_one("#banner", Prose)
        if area.text != told:
            area.text = told
        area.display = bool(told.plain)
        self.refresh_bindings()

    def _failed(self, message: FeedFailed) -> None:
        self._told = ()
        area = self.query_one("#banner", Prose)
        area.text, area.display = Text(message.message, "bad"), True

    def on_resize(self, _: events.Resize) -> None:
        self.board.single = self.compact
        self._arranged()

    @on(Board.Changed)
    def _arranged(self) -> None:
        self.query_one(Tabs).tell(self.board.shown, self.board.single, self.board.tabs)
        self.refresh_bindings()

    # ── keys of the view ─────────────────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "gate":
                latest = self.session.bulletin.latest(GateChanged)
                return latest is not None and latest.gate is not None and latest.gate.decision is None
            case "resume":
                return self.resumable
            case "pause_run":
                return self.engine_lives and not self.session.readonly
        return super().check_action(action, parameters)

    def action_gate(self) -> None:
        self.pilothouse.open_gate()

    def action_samples(self) -> None:
        self.pilothouse.open_samples()

    def action_compare(self) -> None:
        self.pilothouse.open_compare()

    def action_chart(self, number: int) -> None:
        """That panel alone; the same key again brings the overview back where there is room for it."""
        name = PANELS[number - 1]
        back = self.board.single and self.board.shown == name and not self.compact
        self.board.shown = name
        self.board.single = not back

    def action_maximise(self) -> None:
        if self.focused is not None and self.focused.id in PANELS:
            self.action_chart(PANELS.index(self.focused.id) + 1)

    def action_back(self) -> None:
        self.board.single = self.compact

    def action_tab(self, by: int) -> None:
        """Between panels: in the overview focus moves, alone the next one is shown."""
        if self.board.single:
            self.board.shown = PANELS[(PANELS.index(self.board.shown) + by) % len(PANELS)]
        elif by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def action_zoom(self, factor: float) -> None:
        self.board.zoom(factor)

    def action_pan(self, share: float) -> None:
        self.board.pan(share)

    def action_zoom_reset(self) -> None:
        self.board.zoom_reset()

    def action_cursor(self, cells: int) -> None:
        self.board.move_cursor(cells)

    def action_log(self) -> None:
        self.board.toggle_log()

    def action_smooth(self) -> None:
        tau = self.board.next_smoothing()
        self.notify(f"smoothing over {tau:g} steps" if tau else "no smoothing", timeout=2)

    def action_scope(self) -> None:
        self.board.toggle_scope()

    def action_pause_view(self) -> None:
        self.board.paused = not self.board.paused
        self.query_one(Header).view_paused = self.board.paused

    def commands(self) -> Iterator[SystemCommand]:
        yield from self.control_commands()
