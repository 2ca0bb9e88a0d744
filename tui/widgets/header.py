"""The first row of a run: which run, where it is, how long it will take, and whether its engine is alive.

Parts fall away one by one where the row is narrow, the least needed first; a number is never cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text
from textual.reactive import reactive

from tui.glyphs import Glyphs
from tui.widgets.panel import Panel, Row
from tui.widgets.words import age, duration

FRESH_S, STALE_S = 5.0, 20.0
"""A heartbeat younger than the first is fresh, older than the second lost: unless the caller knows better."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What the row shows. `state` is a record's run state or `lost`, `hung`; `card` may be empty.

    `beat_age_s` None is a run without an engine; `badge` is shown as it is instead of the state's own word.
    """

    name: str
    state: str = "running"
    iteration: int = 0
    iterations: int | None = None
    stage: str = ""
    step: int = 0
    max_steps: int = 0
    unit: str = "step"
    eta_s: float | None = None
    beat_age_s: float | None = None
    card: str = ""
    badge: str = ""
    readonly: bool = False


_BADGES = {
    "starting": ("starting", "run"),
    "awaiting_decision": ("AWAITING DECISION", "reverse warn"),
    "paused": ("PAUSED", "reverse warn"),
    "stopping": ("stopping", "warn"),
    "stopped": ("stopped", "dim"),
    "completed": ("completed", "good"),
    "failed": ("FAILED", "reverse bad"),
    "lost": ("LOST", "reverse bad"),
    "hung": ("HUNG", "reverse bad"),
}
_OVER = {"stopped", "completed", "failed"}
_MOVING = {"starting", "running", "stopping"}


class RunHeader(Panel):
    """One row. `status` is all it needs."""

    DEFAULT_CSS = "RunHeader { height: 1; padding: 0 1; }"

    status: reactive[RunStatus] = reactive(RunStatus(""), repaint=False)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(framed=False, id=id, classes=classes)

    def watch_status(self) -> None:
        self.stale()

    def paint(self, width: int, height: int) -> list[Row]:  # noqa: ARG002
        return [self.runs(header(self.status, width, self.glyphs))]


@dataclass(frozen=True, slots=True)
class _Part:
    text: Text
    rank: int
    """Parts of the highest rank fall away first; rank 0 stays."""


def header(status: RunStatus, width: int, glyphs: Glyphs) -> Text:
    """The row at `width` cells: parts to the left, a progress bar in what is left over, heart and card to the right."""
    left, right = _left(status, glyphs), _right(status, glyphs)
    least = 10
    while sum(len(part.text) for part in left + right) + 3 * (len(left) + len(right)) > width:
        worst = max(left + right, key=lambda part: part.rank)
        if worst.rank == 0:
            break
        left = [part for part in left if part is not worst]
        right = [part for part in right if part is not worst]
    words, end = _row(left), _row(right)
    room = width - len(words) - len(end) - 3 - (3 if end else 0)
    if status.max_steps and status.state not in _OVER and room >= least:
        words.append("   ").append_text(bar(status.step / status.max_steps, min(room, 40), glyphs))
    words.append(" " * max(width - len(words) - len(end), 1))
    return words.append_text(end)


def bar(share: float, width: int, glyphs: Glyphs, tone: str = "run") -> Text:
    """A progress bar of `width` cells."""
    done = min(max(share, 0.0), 1.0) * width
    whole = int(done)
    tip = glyphs.tip if done - whole >= 0.5 and whole < width else ""
    text = Text(glyphs.done * whole + tip, tone)
    return text.append(glyphs.todo * (width - whole - len(tip)), "frame")


def _row(parts: list[_Part]) -> Text:
    text = Text()
    for part in parts:
        text.append("   " if text else "").append_text(part.text)
    return text


def _left(status: RunStatus, glyphs: Glyphs) -> list[_Part]:
    parts = [_Part(Text(status.name, "bold"), 2)]
    word, tone = _BADGES.get(status.state, ("", ""))
    if badge := status.badge or word:
        parts.append(_Part(Text(f" {badge} " if "reverse" in tone else badge, f"bold {tone or 'run'}"), 0))
    if status.readonly:
        parts.append(_Part(Text("read-only", "warn"), 1))
    place = Text.assemble(("iteration ", "dim"), (str(status.iteration), "bold"))
    if status.iterations:
        place.append(f" of {status.iterations}", "dim")
    parts.append(_Part(place, 0))
    if status.stage:
        parts.append(_Part(_stage(status, glyphs), 1))
    return parts


def _stage(status: RunStatus, glyphs: Glyphs) -> Text:
    text = Text.assemble((status.stage, "run"))
    if status.max_steps:
        text.append(f" {glyphs.arrow} ", "dim").append(f"{status.unit} ", "dim").append(f"{status.step:,}", "bold")
        text.append(f" / {status.max_steps:,}", "dim")
    return text


def _right(status: RunStatus, glyphs: Glyphs) -> list[_Part]:
    parts = []
    if status.eta_s is not None and status.state in _MOVING:
        parts.append(_Part(Text.assemble(("ETA ", "dim"), (duration(status.eta_s), "bold")), 3))
    if status.beat_age_s is not None and status.state not in _OVER:
        parts.append(_Part(_beat(status.state, status.beat_age_s, glyphs), 1))
    if status.card:
        parts.append(_Part(Text(status.card, "dim"), 5))
    return parts


def _beat(state: str, seconds: float, glyphs: Glyphs) -> Text:
    """The heart's colour is doubled by a word, once it is no longer fresh."""
    lost = state in ("lost", "hung") or seconds >= STALE_S
    tone, word = ("bad", " no beat") if lost else ("warn", " late") if seconds >= FRESH_S else ("good", "")
    return Text.assemble((f"{glyphs.heart} ", tone), (age(seconds), "dim" if tone == "good" else tone), (word, tone))
