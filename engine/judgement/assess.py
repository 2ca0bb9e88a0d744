"""The whole judgement of an iteration: one path for the live gate and for a recorded table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.judgement import tree
from engine.judgement.adjustments import Cause
from engine.judgement.proposal import propose
from engine.judgement.verdict import Case, Ruling, open_case, otherwise, rule
from engine.judgement.weaknesses import find_weaknesses
from engine.records import Assessment, History, Proposal


def assess(history: History) -> Assessment:
    """What the rules say of the last iteration, given all before it.

    Pure and deterministic. Raises ValueError where there is no iteration or no baseline.
    """
    case = open_case(history)
    ruling = rule(case)
    return Assessment(
        index=case.here.index,
        weaknesses=case.weaknesses,
        verdict=replace(ruling.verdict, otherwise=otherwise(case, ruling)),
        proposal=_proposal(case, ruling),
        converged=case.convergence.converged,
        best=case.best,
        convergence=case.convergence.text,
    )


def judge(history: History) -> list[Assessment]:
    """`assess` at each iteration's gate in turn, each seeing only what came before it."""
    return [assess(prefix) for prefix in tree.prefixes(history)]


def _proposal(case: Case, ruling: Ruling) -> Proposal:
    if ruling.verdict.action == "finish":
        return Proposal(ruling.start)
    causes = [Cause.of(weakness) for weakness in case.weaknesses] + ([ruling.cause] if ruling.cause else [])
    return propose(case.history, ruling.start, causes + _remembered(case, ruling.start, causes))


def _remembered(case: Case, start: int, causes: Sequence[Cause]) -> list[Cause]:
    """What earlier tries from `start` failed by: a retry that forgot it would run into it again."""
    known = {(cause.type, cause.metric, cause.category) for cause in causes}
    found: dict[tuple[str, str, str], Cause] = {}
    for prefix in tree.prefixes(case.history)[:-1]:
        tried = tree.current(prefix)
        if tried.parent != start or tried.index == start:
            continue
        for weakness in find_weaknesses(prefix):
            cause = Cause.of(weakness)
            words = f"{cause.words} in iteration {tried.index}"
            found[cause.type, cause.metric, cause.category] = replace(cause, words=words)
    return [cause for key, cause in found.items() if key not in known]
