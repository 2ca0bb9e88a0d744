"""The engine's ear and voice: it beats, reads the operators' commands, and obeys them at a boundary.

Long work calls `progress` between its batches or steps. That is the only place where a command can act, so pause holds
there, stop unwinds from there by `Stopped`, and nothing is ever changed in the middle of a step.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from engine.errors import ConfigError
from engine.memory.wall import Wall
from engine.records import LIVE_STATES, Forecast, Memory, Pulse, Scalar, Settings
from engine.store.control import Inbox
from engine.store.ledger import Ledger
from engine.store.rows import Command
from engine.text import one_line

BEAT_S = 0.25
MEMORY_S = 1.0
HOLD_S = 0.05
LABELS_TOLD_S = 60.0
LEAST_PROMISE_S, PATIENCE = 30.0, 10.0  # a beat is promised within ten times the usual, and never in less than 30 s


class Stopped(Exception):  # noqa: N818  (not an error: the operator asked for it)
    """Unwinds the engine after `stop` or SIGTERM; everything worth keeping has been saved."""


class Knobs(Protocol):
    """What can be changed while a trainer runs. Every method is called at a step boundary."""

    def turn(self, wanted: Settings) -> str: ...
    def save(self) -> str: ...
    def finish(self) -> str: ...
    def stop(self) -> str: ...
    def in_force(self) -> dict[str, Scalar]: ...


class Helm:
    """One engine's command loop. `step` is the run-wide optimizer step that commands and readings are filed under."""

    def __init__(
        self,
        ledger: Ledger,
        inbox: Inbox,
        memory: Callable[[], Memory | None],
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        beside: Callable[[], tuple[Memory, ...]] = lambda: (),
    ) -> None:
        """`memory` reads the engine's card, `beside` the machine's others."""
        self._ledger, self._inbox, self._memory, self._beside = ledger, inbox, memory, beside
        self._wall = Wall()
        self._clock, self._sleep = clock, sleep
        self._pulse = Pulse(t=clock(), state="starting")
        self._on_record = ""  # the state, as this engine last wrote it down
        self._seen = 0
        self._waiting: list[Command] = []
        self._labelled: Counter[str] = Counter()  # by whom, since they were last told
        self._labels_since = 0.0
        self._beat_at = self._memory_at = 0.0
        self._stage_at = clock()
        self._done_at_start: int | None = None
        self._calls = 0
        self.knobs: Knobs | None = None
        self.at_gate: Callable[[Command], None] | None = None  # takes `decide` while a gate is open
        self.replaying = False  # steps that a dead attempt has recorded: nothing new may be bound to them
        self.paused = False
        self.stopping = False
        self.terminated = False  # set by SIGTERM's handler, obeyed at the next boundary
        self.held_s = 0.0  # paused, in this stage
        self.total_held_s = 0.0
        self.step = 0

    # -- where the engine is -------------------------------------------------------------------------------------

    def enter(self, iteration: int, stage: str, unit: str = "", promise_s: float = 60.0) -> None:
        """A stage begins. `promise_s` bounds the time until the stage's first `progress`."""
        self._tell_labels()
        self._stage_at, self._done_at_start, self._calls = self._clock(), None, 0
        self._pulse = replace(
            self._pulse,
            iteration=iteration,
            stage=stage,
            step=0,
            max_steps=0,
            unit=unit,
            eta_s=None,
            promise_s=promise_s,
            forecast=None,
        )
        self.become("running")

    def foresee(self, forecast: Forecast) -> None:
        """What the stage's longest batch will take, as far as its batches tell; the next beat carries it."""
        self._pulse = replace(self._pulse, forecast=forecast)

    def become(self, state: str, fault: str = "") -> None:
        """Record the run's new state durably, and beat."""
        if state != self._on_record:
            self._on_record = state
            self._ledger.set_state(state, fault)  # type: ignore[arg-type]
        eta = self._pulse.eta_s if state in LIVE_STATES else None
        self._pulse = replace(self._pulse, state=state, eta_s=eta)  # type: ignore[arg-type]
        self.beat(force=True)
        self._tell_labels()

    def progress(self, done: int, total: int) -> None:
        """`done` of `total` units of the stage are finished: beat, then obey. Raises Stopped when asked to stop."""
        if self._done_at_start is None:
            self._done_at_start, self._stage_at, self.held_s = done, self._clock(), 0.0
        self._calls += 1
        self._pulse = replace(self._pulse, step=done, max_steps=total)
        if (made := done - self._done_at_start) > 0:
            worked = self._clock() - self._stage_at - self.held_s
            promise = max(LEAST_PROMISE_S, PATIENCE * worked / (self._calls - 1))
            self._pulse = replace(self._pulse, eta_s=worked / made * max(0, total - done), promise_s=promise)
        self.beat()
        self.obey()

    def beat(self, force: bool = False) -> None:
        """Write the heartbeat, at most every 250 ms unless forced, with a memory reading about every second."""
        now = self._clock()
        if not force and now - self._beat_at < BEAT_S:
            return
        self._beat_at = now
        memory = self._memory()
        in_force = self.knobs.in_force() if self.knobs else {}
        self._pulse = replace(self._pulse, t=now, memory=memory, cards=self._beside(), in_force=in_force)
        self._ledger.beat(self._pulse)
        for kind, words in self._wall.look(memory, self._pulse.forecast):
            self._ledger.event(kind, words, "warn", self._pulse.iteration, self.step)
        if memory is not None and now - self._memory_at >= MEMORY_S:
            self._memory_at = now
            self._ledger.record(self._pulse.iteration, self.step, now, memory_metrics(memory))

    @property
    def iteration(self) -> int:
        """The iteration that is being made."""
        return self._pulse.iteration

    # -- what the operators ask ----------------------------------------------------------------------------------

    def obey(self) -> None:
        """Act on every new command; hold here while paused. Raises Stopped."""
        self._act_on_new()
        if self.terminated and not self.stopping:
            self._stop()
        if self.paused and not self.stopping:
            self._hold()
        if self.stopping and self.knobs is None:
            raise Stopped

    def new_commands(self) -> list[Command]:
        """Commands not seen by this engine and not applied by an earlier one, oldest first."""
        found = self._inbox.pending(self._seen)
        if found:
            self._seen = found[-1].id
        return [command for command in found if not self._ledger.is_applied(command.id)]

    def settle(self, command: Command, result: str, ok: bool = True) -> None:
        """Record a command as dealt with, and tell the story. What changes training binds to the step to come."""
        step = self.step + 1 if command.kind in {"set", "gate"} else self.step
        self._ledger.apply(command, step, result, ok)
        by = f" by {command.who}" if command.who else ""
        level = "info" if ok else "warn"
        self._ledger.event(f"command.{command.kind}", f"{result}{by}", level, self._pulse.iteration, self.step)

    def _act_on_new(self) -> None:
        self._waiting += self.new_commands()
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            if self._too_early(command):
                self._waiting.append(command)
            elif command.kind != "label":
                self.handle(command)
        self._note_labels([command for command in waiting if command.kind == "label"])

    def _note_labels(self, given: list[Command]) -> None:
        """Labels are on record at once, but told in one line a minute or stage: a person gives hundreds of them."""
        if given:
            self._ledger.note(given, "noted")
            self._labels_since = self._labels_since if self._labelled else self._clock()
            for command in given:
                self._labelled[command.who] += -1 if command.arg.get("choice") == "undo" else 1
        if self._labelled and self._clock() - self._labels_since >= LABELS_TOLD_S:
            self._tell_labels()

    def _tell_labels(self) -> None:
        counts = {who: count for who, count in self._labelled.items() if count > 0}
        self._labelled.clear()
        if counts:
            said = ", ".join(f"{count} label{'s' * (count > 1)} by {who}" for who, count in counts.items())
            self._ledger.event("command.label", said, "info", self._pulse.iteration, self.step)

    def _too_early(self, command: Command) -> bool:
        """`set` waits for the first step of the training to come, and nothing changes steps that are on record."""
        if command.kind == "set" and self.at_gate is None:
            return self.knobs is None or self.replaying
        return command.kind == "gate" and self.replaying

    def handle(self, command: Command) -> None:
        """Obey one command, or refuse it in words."""
        handler = getattr(self, f"_on_{command.kind}", None)
        if handler is None:
            self.settle(command, f"unknown command {command.kind!r} ignored", ok=False)
        else:
            handler(command)

    def _on_pause(self, command: Command) -> None:
        if self.paused or self.at_gate:
            self.settle(command, "already paused" if self.paused else "the run waits at a gate already", ok=False)
            return
        self.paused = True
        self.settle(command, f"paused in {self._pulse.stage or 'the loop'}")

    def _on_resume(self, command: Command) -> None:
        if not self.paused:
            self.settle(command, "not paused: nothing to resume", ok=False)
            return
        self.paused = False
        self.settle(command, "resumed")

    def _on_stop(self, command: Command) -> None:
        self.settle(command, self._stop())

    def _stop(self) -> str:
        self.stopping = True
        self.become("stopping")
        return self.knobs.stop() if self.knobs else "stopping; finished stages are kept"

    def _on_gate(self, command: Command) -> None:
        if self.knobs is None:
            self.settle(command, f"no training to end: the run is in {self._pulse.stage or 'its loop'}", ok=False)
            return
        self.paused = False
        self.settle(command, self.knobs.finish())

    def _on_checkpoint(self, command: Command) -> None:
        if self.knobs is None:
            self.settle(command, "nothing is training; every finished stage is already kept", ok=False)
            return
        self.settle(command, self.knobs.save())

    def _on_set(self, command: Command) -> None:
        if self.knobs is None:
            self.settle(command, "nothing is training: at a gate, change the proposal with the decision", ok=False)
            return
        try:
            self.settle(command, self.knobs.turn(command.arg))
        except ConfigError as error:
            self.settle(command, "; ".join(str(fault) for fault in error.faults), ok=False)
        self.beat(force=True)

    def _on_decide(self, command: Command) -> None:
        if self.at_gate is not None:
            self.at_gate(command)
            return
        self.settle(command, "no gate is open: the iteration is still being made", ok=False)

    def _on_quarantine(self, command: Command) -> None:
        """The next manifest is built without it; what trains now goes on."""
        word = "is kept out of the data from the next iteration on" if command.arg.get("on") else "is back in the data"
        self.settle(command, f"pair {one_line(str(command.arg.get('pair', '')), 64)} {word}")

    def hold(self, why: str) -> None:
        """Pause by the engine's own will, such as a full disk, until an operator resumes or stops."""
        self.paused = True
        self._ledger.event("engine.hold", why, "error", self._pulse.iteration, self.step)
        self._hold()
        if self.stopping:
            raise Stopped

    def wait(self) -> None:
        """One idle turn at a gate: beat, obey, sleep a little. Raises Stopped."""
        self.beat()
        self.obey()
        self._sleep(HOLD_S)

    def _hold(self) -> None:
        began, state = self._clock(), self._pulse.state
        self.become("paused")
        while self.paused and not self.stopping:
            self._sleep(HOLD_S)
            self.beat()
            self._act_on_new()
            if self.terminated:
                self._stop()
        self.held_s += self._clock() - began
        self.total_held_s += self._clock() - began
        if not self.stopping:
            self.become(state)


def memory_metrics(memory: Memory) -> dict[str, float]:
    """A memory reading as metrics, in bytes; what the card does not say is left out."""
    names = ("used", "total", "allocated", "reserved", "peak", "own", "others")
    return {f"memory/{name}": float(value) for name in names if (value := getattr(memory, name)) is not None}
