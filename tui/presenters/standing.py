"""How a run stands: its state and the life of its engine, in one word and one line."""

from __future__ import annotations

from dataclasses import dataclass

from engine.records import LIVE_STATES
from tui.presenters.cell import Tone

_LIVE: dict[str, tuple[str, Tone]] = {
    "starting": ("starting", "run"),
    "running": ("running", "run"),
    "awaiting_decision": ("waiting for you", "warn"),
    "paused": ("paused", "warn"),
    "stopping": ("stopping", "warn"),
    "stopped": ("stopped", "dim"),
    "failed": ("failed", "bad"),
    "completed": ("completed", "good"),
    "unreadable": ("unreadable", "bad"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """`word` for a column; `line` says what happened, empty while all is well; `resumable`: a new engine would help."""

    state: str
    word: str
    tone: Tone
    line: str = ""
    resumable: bool = False


def standing(state: str, verdict: str, fault: str = "", beat_age_s: float | None = None) -> Standing:
    """`state` as the store derives it (`lost` included); `verdict`: alive, dead, orphan, stopped or hung."""
    if state == "lost":
        return _lost(verdict)
    word, tone = _LIVE.get(state, (state, ""))
    if state in {"failed", "stopped"}:
        line = fault or ("The engine failed." if state == "failed" else "The engine was stopped; it left a checkpoint.")
        return Standing(state, word, tone, line, resumable=verdict == "dead")
    if state in LIVE_STATES and verdict == "stopped":
        return Standing("suspended", "suspended", "warn", "The engine's process is suspended; SIGCONT wakes it.")
    if state in LIVE_STATES and verdict == "hung":
        age = "" if beat_age_s is None else f" for {beat_age_s:.0f} s"
        return Standing("hung", "no heartbeat", "bad", f"The engine holds its lock but has not beaten{age}.")
    return Standing(state, word, tone, fault)


def _lost(verdict: str) -> Standing:
    if verdict == "orphan":
        line = "The engine is gone, but a worker process that it left behind still holds the lock; end that one first."
        return Standing("lost", "lost", "bad", line)
    line = "The engine is gone: it ended without a word. Nothing recorded is lost."
    return Standing("lost", "lost", "bad", line, resumable=True)
