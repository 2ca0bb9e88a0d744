"""The whole app on a recorded run, with the clock in the test's hand and the engine's part played by the test."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any, Literal

from textual.pilot import Pilot
from textual.screen import Screen

from engine.records import Decision
from engine.store.control import Inbox, Outbox
from engine.store.ledger import Ledger
from engine.store.paths import RunPaths
from engine.store.rows import Command
from tests.fixtures.recorded import alive, write_run
from tui.app import Pilothouse
from tui.screens.gate import GateScreen

PATIENCE_S = 30.0
FRAME = str.maketrans("", "", "│╭╮╰╯─|+\n ")


def _unwrapped(text: str) -> str:
    """Without frames, spaces and line ends."""
    return text.translate(FRAME)


class Ticker:
    """Monotonic seconds that move when told to; it starts past every grace period."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Cockpit:
    def __init__(self, app: Pilothouse, pilot: Pilot[None], paths: RunPaths, ticker: Ticker) -> None:
        self.app, self.pilot, self.paths, self.ticker = app, pilot, paths, ticker

    async def until(self, true: Callable[[], Any], what: str = "") -> Any:
        """Wait for the feed's thread; fails with the screen's text when it never comes."""
        end = time.monotonic() + PATIENCE_S
        while not (found := true()):
            assert time.monotonic() < end, f"never: {what}\n{self.text}"
            await self.pilot.pause(0.02)
        return found

    async def until_shown(self, words: str) -> None:
        """Wait for words, which may be wrapped within a panel: how long a path is depends on where tests run."""
        await self.until(lambda: words in self.text or _unwrapped(words) in _unwrapped(self.text), words)

    async def press(self, *keys: str, after: float = 1.0) -> None:
        """Press keys, each `after` seconds later on the screens' clock."""
        for key in keys:
            self.ticker.now += after
            await self.pilot.press(key)
            await self.pilot.pause()

    async def at_gate(self) -> GateScreen:
        """Wait until the gate stands open with all that it shows."""
        await self.until(lambda: isinstance(self.app.screen, GateScreen), "the gate")
        await self.until_shown("recommended")
        gate = self.app.screen
        assert isinstance(gate, GateScreen)
        return gate

    @property
    def screen(self) -> Screen[Any]:
        return self.app.screen

    @property
    def text(self) -> str:
        """What the terminal shows now, row by row."""
        strips = self.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    def sent(self) -> list[Command]:
        return Inbox(self.paths).pending()

    def engine_decides(self, decision: Decision, command: Command | None = None) -> bool:
        with Ledger.open(self.paths) as ledger:
            taken = ledger.decide(2, decision, command)
            ledger.set_state("running")
        return taken


@asynccontextmanager
async def cockpit(
    state: Literal["running", "awaiting_decision", "completed", "lost"] = "awaiting_decision",
    *,
    size: tuple[int, int] = (120, 40),
    engine: bool = True,
    before: Callable[[RunPaths], object] = lambda _: None,
    **how: Any,
) -> AsyncIterator[Cockpit]:
    """The app attached to a recorded run. `engine` False: nobody holds the lock. `before` alters the run first."""
    paths = write_run(state)
    before(paths)
    ticker = Ticker()
    async with AsyncExitStack() as stack:
        stack.enter_context(alive(paths) if engine else nullcontext())
        app = Pilothouse(paths, monotonic=ticker, **{"environ": {"LANG": "C.UTF-8"}, **how})
        pilot = await stack.enter_async_context(app.run_test(size=size, notifications=True))
        yield Cockpit(app, pilot, paths, ticker)


__all__ = ["Cockpit", "Outbox", "cockpit"]
