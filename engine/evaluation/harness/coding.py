"""HumanEval's scoring: the model's program in the sandbox, called by the harness as a task's `process_results`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from engine.errors import DataError
from engine.evaluation.harness.transcript import Transcript
from engine.evaluation.sandbox.runner import Exam, Verdict, examine, refusal

_Score = Callable[[Exam], Verdict]
_permitted: ContextVar[_Score | None] = ContextVar("permitted", default=None)


@contextmanager
def permitted(transcript: Transcript, advance: Callable[[], None]) -> Iterator[list[str]]:
    """Inside the block, `results` may run code, once a program, and adds to the list why each did not pass.

    Raises DataError where there is no sandbox.
    """
    if why := refusal():
        raise DataError(f"code cannot be run: {why}")

    reasons: list[str] = []

    def score(exam: Exam) -> Verdict:
        key = "exam." + hashlib.sha256(json.dumps([exam.program, exam.test]).encode()).hexdigest()[:32]
        if key not in transcript:
            verdict = examine(exam)
            if not verdict.ran:
                raise DataError(f"the sandbox failed: {verdict.why}")
            transcript.add({key: [verdict.passed, verdict.why]})
        advance()
        passed, why = transcript[key]
        reasons.append(why)
        return Verdict(passed, why)

    token = _permitted.set(score)
    try:
        yield reasons
    finally:
        _permitted.reset(token)


def results(doc: Mapping[str, Any], responses: Sequence[str]) -> dict[str, Any]:
    """pass@1 of the one greedy answer."""
    score = _permitted.get()
    if score is None:
        raise DataError("this task runs code that the model wrote", remedy="set evaluation.allow_code_execution")
    verdict = score(Exam(doc["prompt"] + responses[0], doc["entry_point"], doc["test"], doc["prompt"]))
    return {"pass@1": float(verdict.passed)}
