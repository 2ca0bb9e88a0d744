"""What the model could do before and should still be able to: probes with right and wrong answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.config.schema import EvaluationConfig
from engine.data.collect import joined
from engine.data.task import Probe, Question
from engine.evaluation import measures
from engine.evaluation.forward import Advance, completion_logprobs
from engine.models.generate import generate
from engine.models.resident import Resident
from engine.models.tokens import sequence_ids
from engine.records import Metric


def run_probe(resident: Resident, probe: Probe, config: EvaluationConfig, advance: Advance) -> Metric:
    """A capability metric named after the probe: the share of questions answered rightly, items in the file's order."""
    spoken = [question for question in probe.questions if not question.choices]
    chosen = [question for question in probe.questions if question.choices]
    said = iter(_answers(resident, probe, spoken, config, advance))
    picked = iter(_picks(resident, chosen, config, advance))
    items = [next(picked) if question.choices else next(said) for question in probe.questions]
    return measures.rate(
        probe.name, "capability", items, categories=[question.category for question in probe.questions]
    )


def probe_cost(probe: Probe) -> int:
    """How many sequences the probe runs: what its calls of `advance` add up to."""
    return sum(len(question.choices) or 1 for question in probe.questions)


def _answers(
    resident: Resident, probe: Probe, questions: Sequence[Question], config: EvaluationConfig, advance: Advance
) -> Iterator[float]:
    """Greedy answers in words, right 1 or wrong 0."""
    before = 0

    def progress(done: int, _total: int) -> None:
        nonlocal before
        advance(done - before)
        before = done

    answers = generate(
        resident,
        [question.prompt for question in questions],
        max_new_tokens=probe.max_new_tokens,
        temperature=0,
        seed=config.seed,
        batch_size=config.batch_size,
        progress=progress,
    )
    for question, answer in zip(questions, answers, strict=True):
        yield float(probe.right(answer.text.strip(), question.answer))


def _picks(
    resident: Resident, questions: Sequence[Question], config: EvaluationConfig, advance: Advance
) -> Iterator[float]:
    """The choice with the highest log-probability as a whole answer, its end included; right 1 or wrong 0."""
    sequences = [
        sequence_ids(resident.tokenizer, question.prompt, joined(question.prompt, choice))
        for question in questions
        for choice in question.choices
    ]
    logprobs = iter(completion_logprobs(resident, sequences, config.batch_size, advance))
    for question in questions:
        scores = [next(logprobs) for _ in question.choices]
        yield float(question.choices[scores.index(max(scores))] == question.answer)
