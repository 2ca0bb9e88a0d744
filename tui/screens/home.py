"""Home: the runs here for what they are, the ones that wait first; configs to start; how much room the card has."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen

from engine.errors import PilothouseError
from tui.keys import HOME
from tui.presenters.home import Found, config_grid, headroom, run_grid
from tui.screens.grid import fill
from tui.screens.help import Help
from tui.screens.keybar import KeyBar
from tui.widgets import Prose, Table, ThriftyScreen

if TYPE_CHECKING:
    from engine.records import Memory
    from tui.app import Pilothouse
    from tui.planner import Outlook

REFRESH_S = 2.0
CONFIGS = Path("configs")


class HomeScreen(ThriftyScreen[None]):
    BINDINGS = [*HOME]

    def compose(self) -> ComposeResult:
        yield Prose(
            Text.assemble(("pilothouse", "bold"), ("   runs here, and what can be started", "dim")), id="home-title"
        )
        yield Table((), "runs", cursor=True, empty="no run yet: choose a config below", id="runs")
        yield Table((), "configs", cursor=True, empty="no configs/*.yaml in this folder", id="configs")
        yield Prose(Text("", "dim"), id="card")
        yield KeyBar()

    def on_mount(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}
        self.call_after_refresh(self._look)
        self.set_interval(REFRESH_S, self._look)

    @property
    def pilothouse(self) -> Pilothouse:
        return cast("Pilothouse", self.app)

    def on_screen_resume(self) -> None:
        self.query_one("#runs", Table).focus()

    # ── what is here ─────────────────────────────────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        if self.is_current:
            self.run_worker(self._gather, thread=True, name="home", group="home", exclusive=True, exit_on_error=False)

    def _gather(self) -> None:
        """In a thread: a directory may be on a slow disk, a card's driver may hang."""
        from engine.store.paths import list_runs
        from engine.store.status import summary

        try:
            rows = [summary(paths) for paths in list_runs()]
        except PilothouseError as error:
            self.app.call_from_thread(self.notify, str(error), severity="error", markup=False)
            return
        self.app.call_from_thread(self._show, rows, _configs(), self.pilothouse.memory())

    def _show(self, rows: list[dict[str, Any]], configs: list[Found], memory: tuple[Memory, ...]) -> None:
        grid, keys = run_grid(rows, time.time())
        self._rows = {row["name"]: row for row in rows}
        fill(self.query_one("#runs", Table), grid, keys)
        fill(self.query_one("#configs", Table), *config_grid(configs))
        self.query_one("#card", Prose).text = headroom(memory)
        self.refresh_bindings()

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "resume":
            return bool(self._selected().get("resumable"))
        if action == "open":
            return bool(self._selected())
        return super().check_action(action, parameters)

    def _selected(self) -> dict[str, Any]:
        from tui.presenters.standing import standing

        row = self._rows.get(self.query_one("#runs", Table).cursor_key) if self.is_mounted else None
        return {} if row is None else {**row, "resumable": standing(row["state"], row["engine"]).resumable}

    @on(Table.Moved)
    def _moved(self) -> None:
        self.refresh_bindings()

    @on(Table.Chosen)
    def _chosen(self, event: Table.Chosen) -> None:
        if event.table.id == "configs":
            self._ask_name(Path(event.key))
        else:
            self.action_open()

    def action_open(self) -> None:
        if row := self._selected():
            self.pilothouse.open_run(Path(row["path"]))

    def action_start(self) -> None:
        table = self.query_one("#configs", Table)
        table.focus()
        if table.cursor_key:
            self._ask_name(Path(table.cursor_key))

    def action_whatif(self) -> None:
        """Of the config under the cursor."""
        from engine.config import load_config
        from tui.commands.inputs import settle_model

        source = self.query_one("#configs", Table).cursor_key
        if source:
            name = Path(source).name
            self.pilothouse.open_whatif(lambda: settle_model(load_config(Path(source)), source), name)

    def action_resume(self) -> None:
        from tui.client import Client

        if row := self._selected():
            from engine.store.paths import RunPaths

            paths = RunPaths(Path(row["path"]))
            self._in_thread(lambda: Client(paths).resume(), paths.root)

    def _ask_name(self, config: Path) -> None:
        from engine.store.paths import check_name, runs_root, unused_name

        def fault(name: str) -> str:
            try:
                check_name(name)
            except PilothouseError as error:
                return error.remedy
            return "there is already a run of that name" if (runs_root() / name).exists() else ""

        from tui.screens.start import StartPrompt

        asked = StartPrompt(config, self.pilothouse.planner, value=unused_name(config.stem), check=fault)

        def answer(name: str | None) -> None:
            if name is not None:
                self._begin(config, name, asked.outlook)

        self.app.push_screen(asked, answer)

    def _begin(self, config: Path, name: str, outlook: Outlook | None) -> None:
        from tui.client import begin

        self.notify(f"Starting {name}…", markup=False, timeout=3)
        self._in_thread(lambda: begin(config, name, outlook.plan if outlook else None).root)

    def _in_thread(self, work: Any, root: Path | None = None) -> None:
        def guarded() -> None:
            try:
                made = work()
            except (PilothouseError, OSError) as error:
                self.app.call_from_thread(self.notify, str(error), severity="error", markup=False, timeout=15)
                return
            self.app.call_from_thread(self.pilothouse.open_run, root or made)

        self.run_worker(guarded, thread=True, name="start", group="start", exclusive=True, exit_on_error=False)

    def action_leave(self) -> None:
        self.app.exit()

    def action_help(self) -> None:
        self.app.push_screen(Help(cast("Screen[object]", self)))

    def action_theme(self) -> None:
        self.pilothouse.toggle_theme()


def _configs() -> list[Found]:
    """Config files in ./configs, each with its first comment line as what it is."""
    found = []
    for path in sorted(CONFIGS.glob("*.yaml"))[:100]:
        try:
            first = path.read_text("utf-8", errors="replace")[:400].splitlines()[:1]
        except OSError:
            continue
        about = first[0].lstrip("# ").strip() if first and first[0].startswith("#") else ""
        found.append(Found(path, about))
    return found
