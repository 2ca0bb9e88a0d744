"""What a run works on: prompts and pairs to train on, and everything that is only ever measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.judges.base import Judge
from engine.records import Content, Example, Pair
from engine.text import clean

__all__ = ["DataReport", "Pair", "Probe", "Prompt", "Question", "Task", "Text", "shown"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something to answer. `text` is what judges and people read: the whole of a conversation."""

    content: Content
    category: str = ""

    @property
    def text(self) -> str:
        return shown(self.content)


@dataclass(frozen=True, slots=True)
class Text:
    """A completion that nobody trains on, for perplexity given its prompt."""

    prompt: Content
    completion: str


@dataclass(frozen=True, slots=True)
class Question:
    """One probe item: answered in words (`choices` empty), or by which of the choices is likeliest."""

    prompt: Content
    answer: str
    choices: tuple[str, ...] = ()
    category: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A capability to keep, as questions with right answers. `right(answer, wanted)` judges an answer in words."""

    name: str
    questions: tuple[Question, ...]
    right: Callable[[str, str], bool] = field(default=lambda answer, wanted: answer == wanted)
    max_new_tokens: int = 8


@dataclass(frozen=True, slots=True)
class DataReport:
    """What became of a file's records: pairs kept, (line, problem) of each record that was left out, and how many
    labelled answers found no counterpart to make a pair with.
    """

    source: str
    kept: int
    bad: tuple[tuple[int, str], ...] = ()
    left_over: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """`train_*` and `exercises` (pairs that keep capabilities alive: a right answer against a wrong one) may be learned
    from; no prompt of theirs is among the held-out ones.

    `judge` ranks the completions that are trained on; `held_out_judge` is asked in evaluation only. The rlhf recipe has
    `demonstrations` to imitate first (else the chosen sides of its pairs), and `reward_pairs`, which the reward model
    is measured on in every iteration and never trained on.
    """

    name: str
    judge: Judge
    train_prompts: tuple[Prompt, ...]
    eval_prompts: tuple[Prompt, ...]
    train_pairs: tuple[Pair, ...] = ()
    exercises: tuple[Pair, ...] = ()
    held_out_pairs: tuple[Pair, ...] = ()
    held_out_text: tuple[Text, ...] = ()
    probes: tuple[Probe, ...] = ()
    report: DataReport | None = None
    held_out_judge: Judge | None = None
    demonstrations: tuple[Example, ...] = ()
    reward_pairs: tuple[Pair, ...] = ()

    @property
    def measured_prompts(self) -> tuple[str, ...]:
        """Every prompt that an evaluation asks, as text: what no training pair may have."""
        probed = (shown(question.prompt) for probe in self.probes for question in probe.questions)
        held_out = (shown(pair.prompt) for pair in (*self.held_out_pairs, *self.reward_pairs))
        return tuple(dict.fromkeys([*(prompt.text for prompt in self.eval_prompts), *held_out, *probed]))


def shown(content: Content) -> str:
    """A prompt as text for judges and people, safe for a terminal: one message as it is, a conversation turn by turn.

    A judge of the last turn alone would not know what "make it shorter" is about.
    """
    if isinstance(content, str):
        return clean(content)
    if len(content) == 1:
        return clean(content[0]["content"])
    return clean("\n\n".join(f"{message['role']}: {message['content']}" for message in content))
