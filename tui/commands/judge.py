"""`pilothouse judge`: what the rules say of a recorded history, by the very code that the live gate uses."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from engine.records import Assessment, Weakness
from tui.commands.output import emit, say
from tui.presenters.names import data_line
from tui.presenters.numbers import setting


def judge(args: Namespace) -> int:
    from engine.history import load_history
    from engine.judgement import judge as assess_all

    history = load_history(Path(args.history))
    assessments = assess_all(history)
    if args.json:
        emit(assessments)
    else:
        say(
            f"{history.name}: {len(assessments)} iterations judged",
            *(line for one in assessments for line in lines(one)),
        )
    return 0


def lines(assessment: Assessment) -> Iterator[str]:
    """One iteration of a history."""
    best = "none" if assessment.best is None else f"iteration {assessment.best}"
    yield ""
    yield f"iteration {assessment.index}: {verdict(assessment)}"
    yield from findings(assessment)
    yield f"  best      {best}{', converged' if assessment.converged else ''}"


def findings(assessment: Assessment) -> Iterator[str]:
    """Why the verdict, which weaknesses, what is proposed: for a history's iteration and for an open gate."""
    yield from (f"  because   {reason}" for reason in assessment.verdict.reasons)
    yield from (f"  else      {line}" for line in assessment.verdict.otherwise)
    yield from (f"  weakness  {weakness(one)}" for one in assessment.weaknesses)
    for change in assessment.proposal.changes:
        yield f"  proposed  {change.field} {setting(change.before)} → {setting(change.after)}  ({change.why})"
    yield from (f"  data      {data_line(step)}" for step in assessment.proposal.data)
    yield from (f"  note      {note}" for note in assessment.proposal.notes)
    if assessment.convergence:
        yield f"  trend     {assessment.convergence}"


def verdict(assessment: Assessment) -> str:
    """`rollback to 1`, `accept`, `ask`."""
    action, to = assessment.verdict.action, assessment.verdict.to
    joint = {"rollback": "to", "retry": "from", "finish": "with"}.get(action)
    return f"{action} {joint} {to}" if joint and to is not None else action


def weakness(one: Weakness) -> str:
    """`high, confirmed: gsm8k 0.412 → 0.371: 90 % of the baseline, below 95 % (exact McNemar, p 0.004)`."""
    how = f" ({one.test})" if one.test else ""
    return f"{one.severity}, {one.evidence.replace('_', ' ')}: {one.detail or one.type}{how}"
