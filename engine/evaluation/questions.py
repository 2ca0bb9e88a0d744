"""Probe files: what the model could do before and should still be able to, as questions with right answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.config.schema import EvaluationConfig
from engine.data.collect import joined
from engine.data.task import Probe, Question, shown
from engine.evaluation import measures
from engine.evaluation.forward import Advance, completion_logprobs
from engine.models.generate import generate
from engine.models.resident import Resident
from engine.models.tokens import sequence_ids
from engine.records import Answer, Metric


def run_probe(
    resident: Resident, probe: Probe, config: EvaluationConfig, advance: Advance
) -> tuple[Metric, list[Answer]]:
    """A capability metric named after the probe: the share of questions answered rightly, items in the file's order;
    and what was said to each."""
    spoken = [question for question in probe.questions if not question.choices]
    chosen = [question for question in probe.questions if question.choices]
    said = iter(_answers(resident, probe, spoken, config, advance))
    picked = iter(_picks(resident, chosen, config, advance))
    words = [next(picked) if question.choices else next(said) for question in probe.questions]
    items = [float(_right(probe, question, word)) for question, word in zip(probe.questions, words, strict=True)]
    metric = measures.rate(
        probe.name, "capability", items, categories=[question.category for question in probe.questions]
    )
    return metric, [
        Answer(probe.name, i, shown(question.prompt), word, question.answer, score, question.category)
        for i, (question, word, score) in enumerate(zip(probe.questions, words, items, strict=True))
    ]


def _right(probe: Probe, question: Question, word: str) -> bool:
    return word == question.answer if question.choices else probe.right(word, question.answer)


def probe_cost(probe: Probe) -> int:
    """How many sequences the probe runs: what its calls of `advance` add up to."""
    return sum(len(question.choices) or 1 for question in probe.questions)


def _answers(
    resident: Resident, probe: Probe, questions: Sequence[Question], config: EvaluationConfig, advance: Advance
) -> Iterator[str]:
    """Greedy answers in words."""
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
    for answer in answers:
        yield answer.text.strip()


def _picks(
    resident: Resident, questions: Sequence[Question], config: EvaluationConfig, advance: Advance
) -> Iterator[str]:
    """The choice with the highest log-probability as a whole answer, its end included."""
    sequences = [
        sequence_ids(resident.tokenizer, question.prompt, joined(question.prompt, choice))
        for question in questions
        for choice in question.choices
    ]
    logprobs = iter(completion_logprobs(resident, sequences, config.batch_size, advance))
    for question in questions:
        scores = [next(logprobs) for _ in question.choices]
        yield question.choices[scores.index(max(scores))]
