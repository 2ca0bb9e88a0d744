"""Readings of the cards, taken by a thread so that a driver that hangs never holds up training or the screen.

NVML calls release the interpreter's lock, so a stuck one costs nothing but its own thread; it is left behind as a
daemon, since nothing can interrupt it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Event, Thread
from typing import Any

from engine.memory.cards import NOT_INSTALLED, Driver, DriverError, Reading
from engine.memory.host import host_memory, under_wsl
from engine.records import Memory

WSL = "WSL: what Windows itself holds of the card is not seen"
RETRY = 30.0
"""Seconds between tries to open a driver that was not there: somebody may load it while a run goes on."""


class Sampler:
    """Polls every card each `interval` seconds. A call unanswered for `deadline` seconds is silence."""

    def __init__(
        self,
        interval: float = 1.0,
        deadline: float = 2.0,
        *,
        clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._interval, self._deadline, self._clock = interval, deadline, clock
        self._visible = environ.get("CUDA_VISIBLE_DEVICES")
        self._driver: Driver | None = None
        self._first = ""
        self._asked: float | None = None  # when the call that is under way began
        self._answer = Reading(0.0, ())
        self._host: Memory | None = None
        self._stop = Event()
        self._thread: Thread | None = None

    def start(self) -> Sampler:
        """Begin polling, and return at once."""
        self._thread = Thread(target=self._run, name="memory-sampler", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End polling; waits for a healthy driver, but no longer than the deadline for one that hangs."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(self._deadline)

    def prefer(self, uuid: str | None) -> None:
        """Put this card first. CUDA numbers cards by speed and NVML by bus: only torch knows which one it trains on."""
        self._first = uuid or ""

    def latest(self) -> tuple[Memory, ...]:
        """What is known now, without waiting: the engine's card first, or host memory in its place; never empty.

        While the driver is silent a card keeps its size, and everything that moves is None. The name says what is
        wrong, except that a machine without NVIDIA's driver is nothing out of the ordinary.
        """
        cards, silence = self._answer.cards or (None,), self._silence
        if silence:
            cards = tuple(card and _unknown(card, silence) for card in cards)
        return (cards[0] or self._host_now(), *(card for card in cards[1:] if card))

    @property
    def reason(self) -> str:
        """Why the first reading is not a full one, in plain words; empty while all is well."""
        silence = self._silence
        return f"the NVIDIA driver has not answered for {silence:.0f} s" if silence else self._answer.fault

    def poll(self) -> None:
        """Ask the driver once, however long it takes. The thread's turn; a test's too."""
        self._asked = self._clock()
        try:
            self._driver = self._driver or Driver(self._visible, WSL if under_wsl() else "")
            self._answer = self._driver.read(self._asked, self._first)
        except DriverError as fault:
            self._answer = Reading(self._asked, (), fault.message)
        except Exception as error:  # a broken driver can break its Python side in any way; readings must go on
            self._answer = Reading(self._asked, (), f"reading the card failed: {error!r}")
        if not any(self._answer.cards):
            self._close()  # opened anew at the next try: a driver that was reloaded knows nothing of the old handles
        self._asked = None

    @property
    def _silence(self) -> float:
        """Seconds that the driver has kept a call waiting, once they are past the deadline; else 0."""
        asked = self._asked
        waited = 0.0 if asked is None else self._clock() - asked
        return waited if waited > self._deadline else 0.0

    def _run(self) -> None:
        while not self._stop.is_set():
            self.poll()
            self._stop.wait(self._interval if self._driver else RETRY)
        self._close()

    def _close(self) -> None:
        if self._driver:
            self._driver.close()
            self._driver = None

    def _host_now(self) -> Memory:
        now = self._clock()
        if self._host is None or now - self._host.t >= self._interval:
            self._host = host_memory(t=now)
        reason = self.reason
        return self._host if reason in ("", NOT_INSTALLED) else replace(self._host, name=f"{self._host.name}: {reason}")


_UNSAID: dict[str, Any] = {"own": None, "others": None, "throttle": ()}


def _unknown(card: Memory, silence: float) -> Memory:
    name = f"{card.name}: no answer for {silence:.0f} s"
    return replace(card, name=name, used=None, utilisation=None, temperature=None, power=None, **_UNSAID)
