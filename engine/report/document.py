"""The iteration log as a markdown document: `log.md` of a run, and what `pilothouse log` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from engine.records import KL, WIN_RATE, Decision, History, Scalar, Verdict, Weakness
from engine.report.comparison import comparison_rows
from engine.report.entries import Entry, Log, Result, log_of
from engine.report.markup import delta, number, safe, table

_SETTINGS = ("beta", "learning_rate", "max_steps")


def markdown(history: History) -> str:
    """The whole log as text, ending in a newline. Deterministic: the same records give the same bytes."""
    log = log_of(history)
    parts = [f"# {safe(log.name)}: iteration log", "", _headline(log), "", *_overview(log)]
    if log.convergence is not None:
        parts += ["", "## Convergence", "", _sentence(log.convergence.text)]
    if log.comparison.lines:
        parts += ["", "## Comparison", "", *comparison_rows(log.comparison)]
    for entry in log.entries:
        parts += ["", *_section(entry)]
    return "\n".join(parts) + "\n"


def _headline(log: Log) -> str:
    if log.selected is not None:
        return f"**Selected: {_name(log.selected)}.** {_sentence(log.why)}"
    if log.best is not None:
        return f"**Best so far: {_name(log.best)}.** {_sentence(log.why)} Nothing is selected yet."
    return _sentence(log.why)


def _overview(log: Log) -> Iterator[str]:
    """A row an iteration: what it was made from and with, the two numbers that count, and what was done."""
    heads = ("#", "parent", "win rate", "KL", *_SETTINGS, "verdict", "decision")
    rows = (
        (
            f"**{entry.index}**" if entry.index == log.selected else str(entry.index),
            "" if entry.parent is None else str(entry.parent),
            _value_of(entry, WIN_RATE),
            _value_of(entry, KL),
            *(_setting(entry.config.get(name)) for name in _SETTINGS),
            _verdict(entry.verdict) if entry.verdict else entry.status,
            entry.decision.action if entry.decision else "",
        )
        for entry in log.entries
    )
    return table(heads, rows)


def _section(entry: Entry) -> Iterator[str]:
    origin = "" if entry.parent is None else f" from {_name(entry.parent)}"
    yield f"## {_name(entry.index).capitalize()}{origin}: {safe(entry.status)}"
    if entry.fault:
        yield from ("", f"Failed: {_sentence(entry.fault)}")
    if entry.changes:
        yield from ("", "Changed from its parent:", "")
        for change in entry.changes:
            because = f" ({safe(change.why)})" if change.why else ""
            yield f"- `{safe(change.field)}` {_setting(change.before)} → {_setting(change.after)}{because}"
    if entry.config:
        settings = ", ".join(f"{safe(name)} {_setting(value)}" for name, value in entry.config.items())
        yield from ("", f"Config: {settings}")
    if entry.stages:
        told = ", ".join(f"{safe(name)} {seconds:.1f} s" for name, seconds in entry.stages.items())
        yield from ("", f"Wall time: {told}; {sum(entry.stages.values()):.1f} s in all")
    if entry.results:
        yield from ("", *_results(entry.results))
    yield from _judged(entry)


def _results(results: Sequence[Result]) -> Iterator[str]:
    heads = ("metric", "value", "95 % interval", "n", "from parent", "from baseline")
    return table(
        heads,
        (
            (
                safe(result.name),
                number(result.value),
                "" if result.low is None else f"{number(result.low)} to {number(result.high)}",
                str(result.n or ""),
                delta(result.from_parent),
                delta(result.from_baseline),
            )
            for result in results
        ),
    )


def _judged(entry: Entry) -> Iterator[str]:
    if entry.weaknesses:
        yield from ("", "Weaknesses:", "")
        yield from (f"- {_weakness(weakness)}" for weakness in entry.weaknesses)
    if entry.verdict:
        yield from ("", f"Verdict: **{_verdict(entry.verdict)}**", "")
        yield from (f"- {safe(reason)}" for reason in entry.verdict.reasons)
    if entry.decision:
        yield from ("", f"Decision: {_decision(entry.decision)}")


def _weakness(weakness: Weakness) -> str:
    test = f" ({safe(weakness.test)})" if weakness.test else ""
    sure = weakness.evidence.replace("_", " ")
    return f"{weakness.severity}, {sure}: {safe(weakness.detail or weakness.type)}{test}"


def _verdict(verdict: Verdict) -> str:
    word = {"rollback": "roll back to", "retry": "retry from", "finish": "finish with"}.get(verdict.action)
    return verdict.action if word is None or verdict.to is None else f"{word} {_name(verdict.to)}"


def _decision(decision: Decision) -> str:
    """`**rollback** to iteration 1 by ana@host, 2026-01-05 10:00 UTC: gsm8k fell; edited beta`."""
    joint = {"retry": "from", "finish": "with"}.get(decision.action, "to")
    to = f" {joint} {_name(decision.to)}" if decision.to is not None else ""
    when = f", {datetime.fromtimestamp(decision.t, UTC):%Y-%m-%d %H:%M} UTC" if decision.t else ""
    because = f": {safe(decision.why)}" if decision.why else ""
    edited = f"; edited {', '.join(map(safe, decision.edited))}" if decision.edited else ""
    return f"**{decision.action}**{to} by {safe(decision.who) or 'nobody on record'}{when}{because}{edited}"


def _name(index: int) -> str:
    return "the baseline" if index == 0 else f"iteration {index}"


def _value_of(entry: Entry, name: str) -> str:
    return next((number(result.value) for result in entry.results if result.name == name), "")


def _setting(value: Scalar) -> str:
    return f"{value:.4g}" if isinstance(value, float) else safe("–" if value is None else str(value))


def _sentence(text: str) -> str:
    plain = safe(text)
    return f"{plain[:1].upper()}{plain[1:]}{'' if plain.endswith(('.', '?', '!')) else '.'}"
