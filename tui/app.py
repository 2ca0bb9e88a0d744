"""The app: which screens there are, theme and keys. Wiring only; nothing here knows what a run means."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.segment import Segment
from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.color import Color
from textual.filter import LineFilter
from textual.screen import Screen
from textual.worker import get_current_worker

from engine.errors import PilothouseError
from engine.store.paths import RunPaths
from engine.text import UNSAFE
from tui.client import Client
from tui.feed import Feed
from tui.glyphs import ASCII, PlainFilter, detect
from tui.keys import SCREENS, keymap_path, load_keymap
from tui.messages import CommandApplied, FeedMessage, GateChanged, IterationsChanged
from tui.planner import Planner
from tui.screens.run import RunScreen
from tui.session import Session
from tui.theme import DARK, LIGHT, THEMES

if TYPE_CHECKING:
    from engine.config import RunConfig
    from engine.memory.nvml import Sampler
    from engine.memory.planning.room import Room
    from engine.records import Memory


FIRST_FRAME_S = 0.5
"""By then a screen is drawn, or something lies over it."""


class ControlFilter(LineFilter):
    """The last line of defence: whatever a widget draws, no control character of it reaches the terminal."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            segment
            if segment.control or not UNSAFE.search(segment.text)
            else Segment(UNSAFE.sub("", segment.text), segment.style)
            for segment in segments
        ]


class Pilothouse(App[None]):
    CSS_PATH = "styles.tcss"
    TITLE = "pilothouse"

    def __init__(
        self,
        target: RunPaths | None = None,
        *,
        readonly: bool = False,
        ascii_only: bool = False,
        theme: str | None = None,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        on_ready: Callable[[Pilothouse], object] | None = None,
        planner: Planner | None = None,
    ) -> None:
        super().__init__()
        self.planner = planner or Planner()
        self.glyphs = detect(ascii_only, environ)
        self._target, self._readonly, self._environ = target, readonly, environ
        self._clock, self._monotonic, self._on_ready = clock, monotonic, on_ready
        self._extra: list[LineFilter] = [ControlFilter(), *([PlainFilter()] if self.glyphs is ASCII else [])]
        self._sampler: Sampler | None = None
        self._called_for: set[int] = set()
        self.session: Session | None = None
        self._tailed: Feed | None = None
        for known in THEMES:
            self.register_theme(known)
        self.theme = LIGHT.name if theme == "light" else DARK.name

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._extra]

    def get_default_screen(self) -> Screen[object]:
        """The first screen itself, so that no empty one is drawn before it."""
        if self._target is not None:
            return cast("Screen[object]", self._enter(self._target))
        from tui.screens.home import HomeScreen

        return cast("Screen[object]", HomeScreen())

    def on_mount(self) -> None:
        keymap, faults = load_keymap(keymap_path(self._environ))
        self.set_keymap(keymap)
        for fault in faults:
            self.notify(fault, title="keys", severity="warning", markup=False, timeout=15)
        self._tail_soon()
        if self._on_ready is not None:
            self.call_after_refresh(self._on_ready, self)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)  # or the terminal is left raw

    def on_unmount(self) -> None:
        self._stop_feed()
        self.planner.close()
        if self._sampler is not None:
            self._sampler.stop()

    # ── screens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def open_run(self, root: Path) -> None:
        """From home. The screen first, then the feed: nothing heavy is read before the first frame."""
        self._stop_feed()
        self.push_screen(self._enter(RunPaths(root)))
        self._tail_soon()

    def _enter(self, paths: RunPaths) -> RunScreen:
        feed = Feed(paths, self.post_message, self._clock)
        client = Client(paths, self._readonly)
        self.session = Session(paths, client, feed, clock=self._clock, monotonic=self._monotonic)
        self._called_for = set()
        return RunScreen(self.session)

    def _tail_soon(self) -> None:
        """After the first frame; not much later either, since a screen that is covered at once never draws one."""
        if self.session is not None:
            self.call_after_refresh(self._tail, self.session.feed)
            self.set_timer(FIRST_FRAME_S, partial(self._tail, self.session.feed))

    def _tail(self, feed: Feed) -> None:
        if self.session is None or feed is not self.session.feed or feed is self._tailed:
            return
        self._tailed = feed

        def follow() -> None:
            worker = get_current_worker()
            feed.follow(lambda: worker.is_cancelled)

        self.run_worker(follow, name="feed", group="feed", thread=True, exclusive=True, exit_on_error=False)

    def _stop_feed(self) -> None:
        """The engine is not told: it goes on."""
        self.workers.cancel_group(self, "feed")
        if self.session is not None:
            self.session.feed.close()
            self.session = None

    def leave_run(self) -> None:
        """Back home where one came from there, else out; either way the run goes on."""
        if self._target is not None:
            self.exit()
            return
        self._stop_feed()
        while len(self.screen_stack) > 1:
            self.pop_screen()

    # ── what the feed says ───────────────────────────────────────────────────────────────────────────────────────

    @on(FeedMessage)
    def _news(self, message: FeedMessage) -> None:
        if self.session is None:
            return
        self.session.bulletin.publish(message)
        if isinstance(message, GateChanged | IterationsChanged):
            self._look_at_gate()
        elif isinstance(message, CommandApplied):
            applied = message.applied
            self.notify(applied.result, severity="information" if applied.ok else "warning", markup=False, timeout=4)

    def _look_at_gate(self) -> None:
        """Ring once a gate, and open it unless the operator is in the middle of something."""
        latest = self.session.bulletin.latest(GateChanged) if self.session else None
        gate = latest.gate if latest else None
        if gate is None or gate.decision is not None:
            self._set_title(self.session.paths.name if self.session else self.TITLE)
            return
        if gate.iteration not in self._called_for:
            self._called_for.add(gate.iteration)
            self.bell()
            self._set_title(f"* {self.session.paths.name if self.session else ''}: your decision")
            if isinstance(self.screen, RunScreen):
                self.open_gate()
            else:
                self.notify(f"iteration {gate.iteration} waits for your decision", severity="warning", markup=False)

    def open_gate(self) -> None:
        from tui.screens.gate import GateScreen

        if self.session is not None and not isinstance(self.screen, GateScreen):
            self.push_screen(GateScreen(self.session))

    def close_gate(self) -> None:
        from tui.screens.gate import GateScreen

        if isinstance(self.screen, GateScreen):
            self.pop_screen()

    def open_samples(self) -> None:
        """Of the newest iteration that has been evaluated."""
        from tui.screens.samples import SamplesScreen

        if self.session is None:
            return
        tree = self.session.bulletin.latest(IterationsChanged)
        measured = [one for one in tree.iterations if one.metrics] if tree else []
        if measured:
            self.push_screen(SamplesScreen(self.session, measured[-1].index, measured[-1].parent))
        else:
            self.notify("no iteration is evaluated yet", timeout=3)

    def open_compare(self) -> None:
        from tui.screens.compare import CompareScreen

        if self.session is not None:
            self.push_screen(CompareScreen(self.session))

    def open_label(self, iteration: int | None = None, *, alone: bool = False) -> None:
        """Of the newest iteration that has pairs, unless another is named; `alone`: leaving it leaves the app."""
        from tui.screens.label import LabelScreen

        if self.session is not None:
            self.push_screen(LabelScreen(self.session, iteration), (lambda _: self.exit()) if alone else None)

    def plan_run(self) -> None:
        """Of a run that was just started elsewhere than at home: its plan is written as soon as it is known."""
        from tui.planner import plan_started

        if self.session is not None:
            plan = partial(plan_started, self.planner, self.session.paths)
            self.run_worker(plan, thread=True, name="plan", group="plan", exit_on_error=False)

    def open_whatif(self, config: Callable[[], RunConfig], name: str, room: Room | None = None) -> None:
        """What the config would need of a card if it were another; its faults are told instead."""
        from tui.screens.whatif import WhatIf

        try:
            self.push_screen(WhatIf(config(), name, room))
        except PilothouseError as error:
            self.notify(str(error), severity="error", markup=False, timeout=10)

    def open_data(self) -> None:
        from tui.screens.data import DataScreen

        if self.session is not None:
            self.push_screen(DataScreen(self.session))

    # ── looks and keys ───────────────────────────────────────────────────────────────────────────────────────────

    def toggle_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def get_key_display(self, binding: Binding) -> str:
        """Words for keys that have them: a sign for enter is missing from many a font."""
        return "enter" if binding.key == "enter" else super().get_key_display(binding)

    def key_of(self, name: str) -> str:
        """The key that an action has now, as it is shown; the first where it has several."""
        screen = name.partition(".")[0]
        binding = next(binding for binding in SCREENS[screen] if binding.id == name)
        return self.get_key_display(binding.with_key(self._keymap.get(name, binding.key).split(",")[0]))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        commands = getattr(screen, "commands", None)
        if commands is not None:
            yield from commands()
        yield SystemCommand("Theme: light or dark", "for this session", self.toggle_theme)
        if self.session is not None:
            if not self.session.readonly:
                yield SystemCommand("Label pairs by hand", "blind, one key each", self.open_label)
            yield SystemCommand("Data of an iteration", "its pairs: filters, search, quarantine", self.open_data)
            yield SystemCommand("Detach", "leave this run's screens; its engine goes on", self.leave_run)
        yield SystemCommand("Quit", "leave pilothouse; engines go on", self.exit)

    def memory(self) -> tuple[Memory, ...]:
        """The card, or the host where there is none; called in home's thread, where a slow driver hurts nobody."""
        from engine.memory.nvml import Sampler

        if self._sampler is None:
            self._sampler = Sampler(interval=2.0).start()
        return self._sampler.latest()

    def _set_title(self, title: str) -> None:
        """The terminal's own title, so that a gate shows in a tab or window list. A run's name is plain by its rule."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(f"\x1b]2;{title}\x07")


def run_app(
    target: RunPaths | None,
    *,
    readonly: bool = False,
    ascii_only: bool = False,
    theme: str | None = None,
    on_ready: Callable[[Pilothouse], object] | None = None,
) -> int:
    """Show the screens until they are left, `on_ready` telling which first. Returns an exit code; a run goes on."""
    gc.set_threshold(20_000, 20, 20)  # the usual 700 interrupts a frame every few keys
    app = Pilothouse(target, readonly=readonly, ascii_only=ascii_only, theme=theme, on_ready=on_ready)
    app.call_later(gc.freeze)  # what is imported stays: no later collection goes through it
    with _own_title():
        app.run()
    return app.return_code or 0


@contextmanager
def _own_title() -> Iterator[None]:
    """The terminal keeps its title for us and takes it back afterwards (XTWINOPS; ignored where it is not known)."""
    stream = sys.__stderr__
    known = stream is not None and stream.isatty()
    if stream is not None and known:
        stream.write("\x1b[22;2t")
    try:
        yield
    finally:
        if stream is not None and known:
            stream.write("\x1b[23;2t")
            stream.flush()
