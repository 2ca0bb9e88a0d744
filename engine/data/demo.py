"""The demo as a task, and what its baseline is made from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any

from engine.config.schema import RunConfig
from engine.data.task import Pair, Probe, Prompt, Question, Task, Text
from engine.data.world import corpus, knowledge
from engine.data.world.corpus import sft_rows
from engine.data.world.lexicon import FAMILY
from engine.data.world.manners import DemoJudge, reply
from engine.models.demo import tiny_llama, word_tokenizer
from engine.records import Example

__all__ = ["BASELINE", "BaselineTraining", "demo_base", "demo_key", "demo_task", "sft_rows"]

CLEAR_GAP = 0.5  # of the judge's scores: a held-out pair has to have a clear winner
GOOD = 2.0  # the judge's score of an answer that is worth imitating: about one in four of the training text's


@dataclass(frozen=True, slots=True)
class BaselineTraining:
    """How the demo's baseline is fine-tuned from nothing: these values bring every probe to 99 % or more."""

    max_steps: int = 260
    batch_size: int = 64
    learning_rate: float = 5e-3
    warmup_steps: int = 20
    scheduler: str = "cosine"
    max_length: int = 64


BASELINE = BaselineTraining()


def demo_base(seed: int) -> tuple[Any, Any]:
    """(untrained model, its tokenizer): what `sft_rows(seed)` is trained into."""
    words = corpus.vocabulary()
    tokenizer = word_tokenizer(words)
    return tiny_llama(len(tokenizer), seed), tokenizer


def demo_key(seed: int) -> str:
    """A hash of all that makes a trained baseline what it is: the world, the model, the training, the libraries."""
    digest = hashlib.sha256(repr((seed, BASELINE)).encode())
    for library in ("torch", "transformers", "tokenizers", "trl"):
        digest.update(f"{library} {version(library)}".encode())
    here = Path(__file__)
    for source in sorted([here, *(here.parent / "world").glob("*.py"), here.parents[1] / "models" / "demo.py"]):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def demo_task(config: RunConfig, probes: tuple[Probe, ...] = ()) -> Task:
    """The world's questions, its annotator as the judge, and its own probes besides those given."""
    world = corpus.split()
    held_out = world.held_out[: config.evaluation.prompts]
    return Task(
        name="demo",
        judge=DemoJudge(),
        train_prompts=tuple(Prompt(text, FAMILY[topic]) for text, topic in world.train),
        eval_prompts=tuple(Prompt(text, FAMILY[topic]) for text, topic in held_out),
        exercises=_exercises(world.train_programs),
        held_out_pairs=_held_out_pairs(world.held_out, 4),
        held_out_text=_held_out_text(world.held_out),
        probes=(*_probes(world.held_out_programs), *probes),
        demonstrations=_demonstrations(world.train) if config.recipe != "dpo" else (),
        reward_pairs=_reward_pairs(world.held_out, config.reward.held_out) if config.recipe != "dpo" else (),
    )


def _exercises(programs: tuple[knowledge.Question, ...]) -> tuple[Pair, ...]:
    """Programs that no probe asks for, each against another one's answer. Facts and sums are all asked by probes."""
    rng = Random(902)
    wrong = [rng.choice([other for _, other in programs if not knowledge.same_program(other, a)]) for _, a in programs]
    return tuple(
        Pair(prompt, f" {answer}", f" {other}", "code", source="mix")
        for (prompt, answer), other in zip(programs, wrong, strict=True)
    )


def _held_out_pairs(asks: tuple[corpus.Ask, ...], each: int) -> tuple[Pair, ...]:
    """Pairs of answers as the training text has them, ranked by the annotator; no model has a hand in them."""
    rng = Random(900)
    return tuple(pair for ask in asks for _ in range(each) if (pair := _ranked(rng, ask)))


def _reward_pairs(asks: tuple[corpus.Ask, ...], count: int) -> tuple[Pair, ...]:
    """`count` more of them, the same for every run: as many about each question."""
    rng = Random(903)
    endless = (_ranked(rng, ask) for ask in cycle(asks))
    return tuple(islice((pair for pair in endless if pair), count))


def _ranked(rng: Random, ask: corpus.Ask) -> Pair | None:
    """Two answers to one question, the better one chosen; None where neither is clearly better."""
    (prompt, topic), judge = ask, DemoJudge()
    answers = sorted((reply(rng, topic) for _ in range(2)), key=lambda answer: judge.score(prompt, answer))
    gap = judge.score(prompt, answers[1]) - judge.score(prompt, answers[0])
    clear = gap >= CLEAR_GAP
    return Pair(prompt, f" {answers[1]}", f" {answers[0]}", FAMILY[topic], gap, "held out") if clear else None


def _demonstrations(asks: tuple[corpus.Ask, ...]) -> tuple[Example, ...]:
    """Answers of the training text that the annotator thinks well of, at most one a question."""
    rng, judge, found = Random(904), DemoJudge(), []
    for prompt, topic in asks:
        answers = [reply(rng, topic) for _ in range(4)]
        score, best = max((judge.score(prompt, answer), answer) for answer in answers)
        if score >= GOOD:
            found.append(Example(prompt, f" {best}", FAMILY[topic], "demonstration", score))
    return tuple(found)


def _held_out_text(asks: tuple[corpus.Ask, ...]) -> tuple[Text, ...]:
    rng = Random(901)
    texts = [Text(prompt, f" {reply(rng, topic)}") for prompt, topic in asks for _ in range(3)]
    known = [*knowledge.capitals(), *knowledge.sums()[::2]]
    return (*texts, *(Text(prompt, f" {answer}") for prompt, answer in known))


def _probes(programs: tuple[knowledge.Question, ...]) -> tuple[Probe, ...]:
    def questions(items: list[knowledge.Question]) -> tuple[Question, ...]:
        return tuple(Question(prompt, answer) for prompt, answer in items)

    return (
        Probe("facts", questions(knowledge.capitals())),
        Probe("sums", questions(knowledge.sums())),
        Probe("code", questions(list(programs)), right=knowledge.same_program),
    )
