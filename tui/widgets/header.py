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

LATE = 1 / 3
"""Of the time that the engine promised to beat within: past it the heart turns amber, past the promise red."""
"""A heartbeat younger than the first is fresh, older than the second lost: unless the caller knows better."""


GAP = Text("   ")
LEAST_BAR = 6
LONG_NAME, SHORT_NAME = 32, 20
"""Cells of a run's name where there is room, and where there is not."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What the row shows. `state` is a record's run state or `lost`, `hung`; `card` may be empty.

    `beat_age_s` None is a run without an engine; the engine promised its next beat within `promise_s`. `badge` is shown
    as it is instead of the state's own word.
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
    promise_s: float = 30.0
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
    right: bool = False


def header(status: RunStatus, width: int, glyphs: Glyphs) -> Text:
    """The row at `width` cells: first words are shortened, then parts left out; a progress bar takes what is over."""
    parts = _parts(status, glyphs, short=False)
    if _cells(parts) > width:
        parts = _parts(status, glyphs, short=True)
    while _cells(parts) > width and (worst := max(parts, key=lambda part: part.rank)).rank:
        parts = [part for part in parts if part is not worst]
    words, end = (GAP.join([part.text for part in parts if part.right == right]) for right in (False, True))
    room = width - _cells(parts) - len(GAP)
    if status.max_steps and status.state not in _OVER and room >= LEAST_BAR:
        words.append_text(GAP).append_text(bar(status.step / status.max_steps, min(room, 40), glyphs))
    words.append(" " * max(width - len(words) - len(end), 0))
    return words.append_text(end)


def _cells(parts: list[_Part]) -> int:
    return sum(part.text.cell_len for part in parts) + len(GAP) * (len(parts) - 1)


def bar(share: float, width: int, glyphs: Glyphs, tone: str = "run") -> Text:
    """A progress bar of `width` cells."""
    done = min(max(share, 0.0), 1.0) * width
    whole = int(done)
    tip = glyphs.tip if done - whole >= 0.5 and whole < width else ""
    text = Text(glyphs.done * whole + tip, tone)
    return text.append(glyphs.todo * (width - whole - len(tip)), "frame")


def _parts(status: RunStatus, glyphs: Glyphs, *, short: bool) -> list[_Part]:
    name = Text(status.name, "bold")
    name.truncate(SHORT_NAME if short else LONG_NAME, overflow="ellipsis")
    word, tone = _BADGES.get(status.state, ("", ""))
    word = status.badge or word
    badge = Text(f" {word} " if "reverse" in tone else word, f"bold {tone or 'run'}")
    candidates = (
        (name, 2, False),
        (badge if word else None, 0, False),
        (Text("read-only", "warn") if status.readonly else None, 1, False),
        (_iteration(status, short), 0, False),
        (_stage(status, glyphs, short), 1, False),
        (_eta(status), 3, True),
        (_beat(status, glyphs), 1, True),
        (Text(status.card, "dim") if status.card else None, 5, True),
    )
    return [_Part(text, rank, right) for text, rank, right in candidates if text is not None]


def _iteration(status: RunStatus, short: bool) -> Text:
    text = Text.assemble(("iteration ", "dim"), (str(status.iteration), "bold"))
    if status.iterations:
        text.append(f"/{status.iterations}" if short else f" of {status.iterations}", "dim")
    return text


def _stage(status: RunStatus, glyphs: Glyphs, short: bool) -> Text | None:
    if not status.stage:
        return None
    text = Text.assemble((status.stage, "run"))
    if status.max_steps:
        unit, slash = ("", "/") if short else (f"{status.unit} ", " / ")
        text.append(f" {glyphs.arrow} {unit}", "dim").append(f"{status.step:,}", "bold")
        text.append(f"{slash}{status.max_steps:,}", "dim")
    return text


def _eta(status: RunStatus) -> Text | None:
    if status.eta_s is None or status.state not in _MOVING:
        return None
    return Text.assemble(("ETA ", "dim"), (duration(status.eta_s), "bold"))


def _beat(status: RunStatus, glyphs: Glyphs) -> Text | None:
    """The heart's colour is doubled by a word, once it is no longer fresh."""
    seconds = status.beat_age_s
    if seconds is None or status.state in _OVER:
        return None
    lost = status.state in ("lost", "hung") or seconds >= status.promise_s
    late = seconds >= LATE * status.promise_s
    tone, word = ("bad", " no beat") if lost else ("warn", " late") if late else ("good", "")
    return Text.assemble((f"{glyphs.heart} ", tone), (age(seconds), "dim" if tone == "good" else tone), (word, tone))
