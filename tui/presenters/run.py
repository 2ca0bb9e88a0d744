"""The run screen's words: the header's status, and the banner that says what happened and which key helps."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text

from engine.store.rows import Gate, RunInfo
from tui.presenters.standing import Standing

Key = Callable[[str], str]
"""The key that an action has now, by its id in `tui.keys`."""


def banner(
    standing: Standing, info: RunInfo, gate: Gate | None, last_words: tuple[str, ...], model: str, key: Key
) -> Text:
    """Empty while all is well; else what happened and what would do."""
    if standing.state == "awaiting_decision" and gate is not None and gate.decision is None:
        waits = (f" iteration {gate.iteration} waits for your decision ", "bold reverse warn")
        return Text.assemble(waits, "   ", _press(key("run.gate"), "opens the gate"))
    if standing.state == "completed":
        return _completed(info, model)
    if not standing.line:
        return Text()
    text = Text(standing.line, f"bold {standing.tone}" if standing.tone in {"bad", "warn"} else "bold")
    for line in last_words if standing.state in {"failed", "lost"} else ():
        text.append(f"\n  {line}", "dim")
    if standing.resumable:
        text.append("\n").append_text(_press(key("run.resume"), "starts a new engine from the last checkpoint"))
    return text


def _completed(info: RunInfo, model: str) -> Text:
    summary = info.summary or {}
    best = "" if info.best is None else f" Iteration {info.best} is selected."
    text = Text.assemble(("Completed.", "bold good"), best)
    reason = summary.get("reason") or summary.get("why")
    if isinstance(reason, str):
        text.append(f" {reason}", "dim")
    return text.append("\nThe model is in ", "dim").append(model)


def _press(key: str, does: str) -> Text:
    return Text.assemble((key, "bold warn"), (f" {does}", "dim"))
