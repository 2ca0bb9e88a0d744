"""What a gate shows: the verdict and why, weaknesses with evidence, the proposal as a diff, the evaluation."""

from __future__ import annotations

from rich.text import Text

from engine.records import KL, WIN_RATE, Assessment, Decision, Evidence, Iteration, Metric, Verdict, Weakness
from tui.presenters.cell import MISSING, Cell, Tone
from tui.presenters.iterations import Column, Grid, decided
from tui.presenters.names import LOWER_IS_BETTER, in_order, short
from tui.presenters.numbers import number, ratio, setting, signed

_SEVERITY: dict[str, Tone] = {"critical": "bad", "high": "bad", "medium": "warn", "low": "dim"}
_EVIDENCE: dict[Evidence, Cell] = {
    "confirmed": Cell("confirmed", "bold"),
    "suspected": Cell("suspected", "dim"),
    "too_few_samples": Cell("too few", "dim"),
    "off": Cell("bare limit", "dim"),
}
_WHAT = {
    "capability_regression": "{} regression",
    "insufficient_alignment": "{} too low",
    "kl_violation": "{} too high",
}


def headline(verdict: Verdict) -> str:
    """The recommendation in a few words: `roll back to 1`."""
    to = "" if verdict.to is None else f" {verdict.to}"
    match verdict.action:
        case "accept":
            return "accept this iteration and go on"
        case "rollback":
            return f"roll back to{to}"
        case "retry":
            return f"retry from{to}" if to else "retry from the parent"
        case "finish":
            return f"finish with iteration{to}" if to else "finish"
    return "the rules cannot tell: yours to decide"


def verdict_text(assessment: Assessment) -> Text:
    """The recommendation on a line of its own, its reasons under it."""
    text = Text.assemble((" recommended ", "bold reverse warn"), "  ", (headline(assessment.verdict), "bold"))
    for reason in assessment.verdict.reasons:
        text.append(f"\n{reason}", "dim")
    return text


def gate_title(assessment: Assessment) -> str:
    if assessment.index == 0:
        return "The baseline is measured. It needs your decision."
    return f"Iteration {assessment.index} is done. It needs your decision."


def weakness_table(assessment: Assessment) -> Grid:
    columns = (
        Column("severity", "severity"),
        Column("evidence", "evidence"),
        Column("what", "what", flexible=True),
        Column("value", "value"),
        Column("detail", "", flexible=True),
    )
    return Grid(columns, tuple(_weakness(weakness) for weakness in assessment.weaknesses))


def _weakness(weakness: Weakness) -> tuple[Cell, ...]:
    what = _WHAT.get(weakness.type, weakness.type.replace("_", " ") + ": {}").format(short(weakness.metric))
    return (
        Cell(weakness.severity, _SEVERITY[weakness.severity]),
        _EVIDENCE[weakness.evidence],
        Cell(what),
        Cell(_against(weakness)),
        Cell(_detail(weakness), "dim"),
    )


def _detail(weakness: Weakness) -> str:
    """Its own line, with the test that weighed it where the line does not name it."""
    p = "" if weakness.p_value is None else f", p = {weakness.p_value:.2g}"
    test = f"{weakness.test}{p}" if weakness.test else p.lstrip(", ")
    if not weakness.detail or not test or test in weakness.detail:
        return weakness.detail or test
    return f"{weakness.detail} ({test})"


def _against(weakness: Weakness) -> str:
    """`0.412 → 0.371` for what fell from its baseline, else the value beside its limit."""
    if weakness.type == "capability_regression" and weakness.baseline is not None:
        return f"{number(weakness.baseline)} → {number(weakness.value)}"
    sign = ">" if weakness.metric in LOWER_IS_BETTER else "<"
    return f"{number(weakness.value)} {sign} {number(weakness.threshold)}"


def proposal_table(assessment: Assessment, iterations: tuple[Iteration, ...]) -> Grid:
    columns = (
        Column("field", "parameter"),
        Column("now", "now"),
        Column("proposed", "proposed"),
        Column("why", "because", flexible=True),
    )
    proposal = assessment.proposal
    this = next((one for one in iterations if one.index == assessment.index), None)
    now = "" if this is None or this.parent is None else str(this.parent)
    rows = [(Cell("parent"), Cell(now), Cell(str(proposal.parent), "bold"), Cell(_parent_why(assessment), "dim"))]
    for change in proposal.changes:
        times = ratio(change.before, change.after)
        new = f"{setting(change.after)}  {times}".rstrip()
        rows.append((Cell(change.field), Cell(setting(change.before)), Cell(new, "run"), Cell(change.why, "dim")))
    if not proposal.changes:
        rows.append((Cell("settings"), Cell(""), Cell("unchanged", "dim"), Cell("", "dim")))
    return Grid(columns, tuple(rows))


def _parent_why(assessment: Assessment) -> str:
    parent = assessment.proposal.parent
    if parent == assessment.index:
        return "this iteration"
    return "the baseline" if parent == 0 else "the best so far" if parent == assessment.best else "an earlier one"


def proposal_notes(assessment: Assessment) -> tuple[str, ...]:
    """What happens to data, and what was clamped, a line each."""
    return (*(f"data: {line}" for line in assessment.proposal.data), *assessment.proposal.notes)


def evaluation_table(iterations: tuple[Iteration, ...], index: int) -> Grid:
    """A row a metric: baseline, parent, this with its interval, and the change against the parent."""
    by_index = {one.index: one for one in iterations}
    this = by_index[index]
    parent = by_index.get(this.parent) if this.parent is not None else None
    baseline = by_index.get(0)
    columns = (
        Column("metric", "", flexible=True),
        Column("baseline", "baseline", right=True, drop=1),
        Column("parent", f"parent {parent.index}" if parent else "parent", right=True),
        Column("this", f"this {index}", right=True),
        Column("interval", "95 % interval", drop=2),
        Column("change", "vs parent"),
        Column("n", "n", right=True, drop=3),
    )
    shown = tuple(one for one in (baseline, parent, this) if one is not None)
    rows = tuple(_metric_row(name, baseline, parent, this) for name in in_order(shown))
    return Grid(columns, rows)


def _metric_row(name: str, baseline: Iteration | None, parent: Iteration | None, this: Iteration) -> tuple[Cell, ...]:
    mine = this.metrics.get(name)
    is_baseline = parent is not None and parent.index == 0
    tone = _found(this, name)
    value = MISSING if mine is None else Cell(number(mine.value), tone or "bold")
    return (
        Cell(short(name), "" if name in {WIN_RATE, KL} else "dim"),
        _value(baseline, name),
        Cell("baseline", "dim") if is_baseline else _value(parent, name),
        value,
        Cell(_interval(mine), "dim"),
        _change(name, parent if parent is not None else baseline, this),
        Cell("" if mine is None or mine.n is None else str(mine.n), "dim"),
    )


def _value(one: Iteration | None, name: str) -> Cell:
    metric = None if one is None else one.metrics.get(name)
    return MISSING if metric is None else Cell(number(metric.value))


def _interval(metric: Metric | None) -> str:
    if metric is None or metric.low is None or metric.high is None:
        return ""
    return f"{number(metric.low)} … {number(metric.high)}"


def _change(name: str, before: Iteration | None, this: Iteration) -> Cell:
    """Coloured only where the intervals are apart: a change inside the noise is context, not news."""
    old = None if before is None else before.metrics.get(name)
    new = this.metrics.get(name)
    if before is this or old is None or new is None or old.value is None or new.value is None:
        return Cell("")
    change = new.value - old.value
    if change == 0:
        return Cell("=", "dim")
    arrow = "▲" if change > 0 else "▼"
    better = (change > 0) != (name in LOWER_IS_BETTER)
    sure = _apart(old, new) and (new.group != "quality" or name == KL)
    tone: Tone = ("good" if better else "bad") if sure else "dim"
    return Cell(f"{arrow} {signed(change)}", tone)


def _apart(one: Metric, other: Metric) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.high < other.low or other.high < one.low


def _found(this: Iteration, name: str) -> Tone:
    for weakness in this.assessment.weaknesses if this.assessment else ():
        if weakness.metric == name:
            return "bad" if weakness.evidence in {"confirmed", "off"} else "warn"
    return ""


def decision_line(decision: Decision) -> str:
    """Who decided what, and why: `accepted by ana@gpu1: looks fine`."""
    why = f": {decision.why}" if decision.why else ""
    return f"{decided(decision)} by {decision.who or 'someone'}{why}"
