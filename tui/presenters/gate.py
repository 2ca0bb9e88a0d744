"""What a gate shows: the verdict and why, weaknesses with evidence, the proposal as a diff, the evaluation."""

from __future__ import annotations

from rich.text import Text

from engine.records import (
    KL,
    WIN_RATE,
    Assessment,
    Change,
    Decision,
    Evidence,
    Iteration,
    Metric,
    Verdict,
    Weakness,
)
from tui.presenters.cell import MISSING, Cell, Tone
from tui.presenters.iterations import Column, Grid, decided
from tui.presenters.names import LOWER_IS_BETTER, data_line, in_order, short
from tui.presenters.numbers import number, ratio, setting, signed
from tui.presenters.weakness import LEVELS, ordered

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
    if assessment.convergence:
        text.append(f"\nconvergence: {assessment.convergence}", "dim")
    return text


def why_text(assessment: Assessment, evidence: bool) -> Text:
    """The recommendation in full: reasons, what would have changed it, each proposed change and data step in words."""
    verdict, proposal = assessment.verdict, assessment.proposal
    text = Text.assemble(("recommended: ", "dim"), (headline(verdict), "bold"))
    if not evidence:
        text.append("\nevidence: off. Bare thresholds decide; nothing is tested against noise.", "bold warn")
    changes = [f"{change.field} {_moved(change)}: {change.why}" for change in proposal.changes]
    for title, lines in (
        ("because", verdict.reasons),
        ("what would have changed it", verdict.otherwise),
        ("convergence", (assessment.convergence,) if assessment.convergence else ()),
        ("proposed settings", changes or ["unchanged"]),
        ("data", [data_line(step) for step in proposal.data]),
        ("noted", proposal.notes),
    ):
        if lines:
            text.append(f"\n\n{title}", "dim")
            text.append("".join(f"\n  {line}" for line in lines))
    return text


def _moved(change: Change) -> str:
    times = ratio(change.before, change.after)
    return f"{setting(change.before)} → {setting(change.after)}" + (f" ({times})" if times else "")


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
    return Grid(columns, tuple(_weakness(weakness) for weakness in ordered(assessment.weaknesses)))


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
    said = weakness.p_value is None or "p " in weakness.test
    p = "" if said else f", p = {weakness.p_value:.2g}"
    test = f"{weakness.test}{p}" if weakness.test else p.lstrip(", ")
    if not weakness.detail or not test or test in weakness.detail:
        return weakness.detail or test
    return f"{weakness.detail} ({test})"


def _against(weakness: Weakness) -> str:
    """The value beside its limit, or `0.412 → 0.371` from where it is held against an earlier one."""
    if weakness.type not in LEVELS:
        before = weakness.parent if weakness.against else weakness.baseline
        return number(weakness.value) if before is None else f"{number(before)} → {number(weakness.value)}"
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


def add_row(grid: Grid, row: tuple[Cell, ...]) -> Grid:
    """`grid` with one more row under the others."""
    return Grid(grid.columns, (*grid.rows, row))


def _parent_why(assessment: Assessment) -> str:
    parent = assessment.proposal.parent
    if parent == assessment.index:
        return "this iteration"
    return "the baseline" if parent == 0 else "the best so far" if parent == assessment.best else "an earlier one"


def proposal_notes(assessment: Assessment) -> tuple[str, ...]:
    """What happens to data, and what was clamped, a line each."""
    return (*(f"data: {data_line(step)}" for step in assessment.proposal.data), *assessment.proposal.notes)


def evaluation_table(iterations: tuple[Iteration, ...], index: int) -> Grid:
    """A row a metric: baseline, parent where it is another, this with its interval, and the change since then."""
    by_index = {one.index: one for one in iterations}
    this, baseline = by_index[index], by_index.get(0)
    parent = by_index.get(this.parent) if this.parent else None
    before = parent or baseline
    columns = (
        Column("metric", "", flexible=True),
        Column("baseline", "baseline", right=True, drop=1),
        *([Column("parent", f"parent {parent.index}", right=True)] if parent else []),
        Column("this", f"this {index}", right=True),
        Column("interval", "95 % interval", drop=2),
        Column("change", "vs parent" if parent else "vs baseline"),
        Column("n", "n", right=True, drop=3),
    )
    shown = [one for one in (baseline, parent, this) if one is not None]
    rows = []
    for name in in_order(tuple(shown)):
        values = [_value(one, name) for one in (baseline, *([parent] if parent else []))]
        rows.append((_label(name), *values, *_mine(name, before, this)))
    return Grid(columns, tuple(rows))


def _label(name: str) -> Cell:
    return Cell(short(name), "" if name in {WIN_RATE, KL} else "dim")


def _mine(name: str, before: Iteration | None, this: Iteration) -> tuple[Cell, ...]:
    """This iteration's value, its interval, the change and n."""
    metric = this.metrics.get(name)
    if metric is None:
        return MISSING, Cell(""), Cell(""), Cell("")
    return (
        Cell(number(metric.value), _found(this, name) or "bold"),
        Cell(_interval(metric), "dim"),
        _change(name, before, this),
        Cell("" if metric.n is None else str(metric.n), "dim"),
    )


def _value(one: Iteration | None, name: str) -> Cell:
    metric = None if one is None else one.metrics.get(name)
    return MISSING if metric is None else Cell(number(metric.value))


def _interval(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
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
    """Do their 95 % intervals not touch? A value without one is held to be exact."""
    (low, high), (other_low, other_high) = _ends(one), _ends(other)
    return high < other_low or other_high < low


def _ends(metric: Metric) -> tuple[float, float]:
    value = metric.value or 0.0
    return value if metric.low is None else metric.low, value if metric.high is None else metric.high


def _found(this: Iteration, name: str) -> Tone:
    for weakness in this.assessment.weaknesses if this.assessment else ():
        if weakness.metric == name:
            return "bad" if weakness.evidence in {"confirmed", "off"} else "warn"
    return ""


def decision_line(decision: Decision) -> str:
    """Who decided what, and why: `accepted by ana@gpu1: looks fine`."""
    why = f": {decision.why}" if decision.why else ""
    return f"{decided(decision)} by {decision.who or 'someone'}{why}"
