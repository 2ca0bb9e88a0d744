"""The policy's own samples on the held-out prompts: the ground of most metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.schema import EvaluationConfig
from engine.data.task import Prompt, Task
from engine.models.generate import Completion, Progress, generate
from engine.models.resident import Resident
from engine.models.tokens import TokenSequence, prompt_ids


@dataclass(frozen=True, slots=True)
class Sampled:
    """`prompts` and `completions` run in parallel: each prompt is repeated for its k completions."""

    prompts: tuple[Prompt, ...]
    completions: tuple[Completion, ...]
    each: int

    @property
    def clusters(self) -> list[int]:
        """Which prompt each completion belongs to."""
        return [i // self.each for i in range(len(self.completions))]

    @property
    def categories(self) -> list[str]:
        return [prompt.category for prompt in self.prompts]

    def sequences(self, resident: Resident) -> list[TokenSequence]:
        """Prompts and completions in exactly the tokens that were sampled."""
        return [
            TokenSequence(prompt_ids(resident.tokenizer, prompt.content), completion.ids)
            for prompt, completion in zip(self.prompts, self.completions, strict=True)
        ]


def sample(resident: Resident, task: Task, config: EvaluationConfig, progress: Progress | None = None) -> Sampled:
    """`completions` samples at temperature 1 of each held-out prompt, with the same seed and settings every time."""
    prompts = repeated(task.eval_prompts, config.completions)
    completions = generate(
        resident,
        [prompt.content for prompt in prompts],
        max_new_tokens=config.max_new_tokens,
        temperature=1.0,
        seed=config.seed,
        batch_size=config.batch_size,
        progress=progress,
    )
    return Sampled(prompts, tuple(completions), config.completions)


def repeated(prompts: Sequence[Prompt], each: int) -> tuple[Prompt, ...]:
    return tuple(prompt for prompt in prompts for _ in range(each))
