"""The iteration's reward model as a judge: the proxy that the policy is trained on, in units of the baseline's samples.

Its scores are 0 on average over the baseline's evaluation completions, with a deviation of 1, in every iteration: so
the proxies of two iterations can be compared, although each has a scale of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from engine.data.task import Prompt
from engine.evaluation.outcome import Evaluation
from engine.evaluation.rewarded import Rewards
from engine.evaluation.sampled import repeated
from engine.models.generate import Completion
from engine.models.scoring import score
from engine.models.slots import REWARD, Slots
from engine.models.tokens import TokenSequence, prompt_ids
from engine.rl.experience import Scale
from engine.stages.grading import named_judge
from engine.stages.job import Job


class Proxy:
    """Scores completions by the reward model in `folder`, or by the one that the config names. `baseline` is iteration
    0's evaluation on the job's task.
    """

    def __init__(self, job: Job, slots: Slots, baseline: Evaluation, folder: Path) -> None:
        self._job, self._slots = job, slots
        named = job.config.reward.model
        self._judge = named_judge(job, named) if named else None
        if self._judge is None:
            slots.load(REWARD, folder / REWARD)
        asked = repeated(job.task.eval_prompts, job.config.evaluation.completions)
        self.scale = Scale.of(torch.tensor(self.raw(asked, baseline.completions)))

    @property
    def own(self) -> bool:
        """Whether it is a slot, from whose weights a value model can begin."""
        return self._judge is None

    def raw(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float]:
        """Of each completion, in the reward model's own units."""
        pairs = list(zip(prompts, completions, strict=True))
        if self._judge:
            return self._judge.scores([(prompt.text, completion.text) for prompt, completion in pairs])
        tokenizer = self._job.resident.tokenizer
        rows = [TokenSequence(prompt_ids(tokenizer, prompt.content), completion.ids) for prompt, completion in pairs]
        return score(self._slots, REWARD, rows, self._job.config.evaluation.batch_size)

    def __call__(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float]:
        """Of each completion, in units of the baseline's."""
        scaled: list[float] = self.scale(torch.tensor(self.raw(prompts, completions))).tolist()
        return scaled


def slots_of(job: Job) -> tuple[str, ...]:
    """What a proxy needs of the resident model: nothing where the config names a reward model."""
    return () if job.config.reward.model else (REWARD,)


@contextmanager
def rewarding(job: Job, baseline: Evaluation | None, folder: Path) -> Iterator[Rewards | None]:
    """What evaluation takes for the training judge: the reward model in `folder`, None in a recipe without one."""
    if job.config.recipe != "rlhf":
        yield None
    elif baseline is None:
        yield nothing_yet
    else:
        with Slots(job.resident, *slots_of(job)) as slots:
            yield Proxy(job, slots, baseline, folder)


def nothing_yet(_prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float]:
    """The baseline's scores, by definition: 0, the mean that every later score is counted from."""
    return [0.0] * len(completions)
