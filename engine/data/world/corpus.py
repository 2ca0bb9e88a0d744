"""The world's texts, split once: what the baseline learns from, what prompts train, and what is only ever measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from engine.data.world.knowledge import Question, capitals, code, sums
from engine.data.world.lexicon import QUESTIONS, TOPICS
from engine.data.world.manners import reply

HELD_OUT_QUESTIONS = 36
HELD_OUT_PROGRAMS = 60

Ask = tuple[str, str]
"""A question's text and the thing it is about."""


@dataclass(frozen=True, slots=True)
class Split:
    """Questions and programs that the model may learn from, and those that it never sees."""

    train: tuple[Ask, ...]
    held_out: tuple[Ask, ...]
    train_programs: tuple[Question, ...]
    held_out_programs: tuple[Question, ...]


def split() -> Split:
    """The same for every seed, so that runs can be compared."""
    rng = Random(0)
    asks = [(question.format(topic=topic), topic) for topic in TOPICS for question in QUESTIONS]
    programs = code()
    rng.shuffle(asks)
    rng.shuffle(programs)
    return Split(
        tuple(asks[HELD_OUT_QUESTIONS:]),
        tuple(asks[:HELD_OUT_QUESTIONS]),
        tuple(programs[HELD_OUT_PROGRAMS:]),
        tuple(programs[:HELD_OUT_PROGRAMS]),
    )


def sft_rows(seed: int, answers: int = 3000) -> list[dict[str, str]]:
    """What the baseline learns from, shuffled: `prompt` and `completion`, which begins with a space."""
    rng, world = Random(seed), split()
    asked = [rng.choice(world.train) for _ in range(answers)]
    questions = [(prompt, reply(rng, topic)) for prompt, topic in asked]
    questions += capitals() * 24 + sums() * 12 + list(world.train_programs) * 10
    rng.shuffle(questions)
    return [{"prompt": prompt, "completion": f" {answer}"} for prompt, answer in questions]


def vocabulary() -> list[str]:
    """Every word of the world, sorted."""
    return sorted({word for text in _texts() for word in text.split()})


def _texts() -> Iterator[str]:
    world, rng = split(), Random(0)
    for prompt, topic in (*world.train, *world.held_out):
        yield prompt
        yield from (reply(rng, topic) for _ in range(20))
    for prompt, answer in (*capitals(), *sums(), *code()):
        yield f"{prompt} {answer}"
