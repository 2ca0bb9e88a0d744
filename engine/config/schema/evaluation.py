"""The `evaluation` section."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from engine.config.schema.fields import Real, Section, Text, Whole


def _named(value: Any) -> Any:
    """A bare name stands for a task with nothing else said."""
    return {"task": value} if isinstance(value, str) else value


def is_task_file(task: str) -> bool:
    """Whether a task is given as a file of its own, not by the harness's name for it."""
    return task.endswith((".yaml", ".yml"))


class TaskConfig(Section):
    """A task of lm-evaluation-harness, or one in its file format."""

    task: Text = Field(description="a harness task's or group's name, such as gsm8k, or a task file (.yaml)")
    name: Text | None = Field(None, description="the metric's name, by default the task's")
    limit: Whole | None = Field(None, ge=1, description="how many items, the first ones; a group's tasks share it")
    fewshot: Whole | None = Field(None, ge=0, description="examples in the prompt, by default the task's own number")
    path: Text | None = Field(None, description="a file to read mmlu, gsm8k, humaneval or a task file's data from")
    metric: Text | None = Field(None, description="metric, or metric,filter; by default the task's first")
    max_new_tokens: Whole | None = Field(None, ge=1, description="length limit of an answer, by default the task's own")
    chat: bool = Field(False, description="put the prompt through the model's chat template")

    @property
    def metric_name(self) -> str:
        return self.name or self.task.rpartition("/")[2].removesuffix(".yaml").removesuffix(".yml")


class EvaluationConfig(Section):
    """What every iteration is measured on: the same prompts, seeds and sampling each time."""

    prompts: Whole = Field(36, ge=1, description="held-out prompts")
    completions: Whole = Field(4, ge=1, le=64, description="sampled completions a prompt")
    max_new_tokens: Whole = Field(28, ge=1, description="length limit of a completion")
    batch_size: Whole = Field(256, ge=1, description="sequences evaluated at once")
    seed: Whole = Field(123, ge=0, description="of evaluation's sampling, the same each iteration")
    probes: tuple[Text, ...] = Field((), description="capability probe files (.jsonl); the demo brings its own")
    tasks: tuple[Annotated[TaskConfig, BeforeValidator(_named)], ...] = Field(
        (), description="tasks of lm-evaluation-harness: names, or {task, limit, fewshot, path, …}"
    )
    allow_code_execution: bool = Field(
        False, description="let humaneval run what the model writes, in a sandbox without network or files"
    )
    batch_tokens: Whole | None = Field(
        None, ge=1, description="tokens of such a task at once, padding included; by default 8192, on a CPU 2048"
    )
    final: Literal["full", "same"] = Field(
        "full",
        description="the final evaluation: every held-out prompt and task item there is, or as in each iteration",
    )
    kl_probe_prompts: Whole = Field(8, ge=1, description="fixed prompts of the KL probe during training")
    kl_probe_tokens: Whole = Field(24, ge=1, description="and the length of its samples")
    kl_probe_share: Real = Field(
        0.02, ge=0, le=0.03, description="share of training time that the KL probe may take; 0 is off"
    )

    def tokens_at_once(self, cuda: bool = True) -> int:
        """`batch_tokens`, or what suits the device: a card wants to be filled, a processor's caches want to hold it."""
        return self.batch_tokens or (8192 if cuda else 2048)

    def tokens_written_at_once(self) -> int:
        """Where answers are generated: each token of theirs reads every weight once, whatever the batch."""
        return self.batch_tokens or 8192

    @model_validator(mode="after")
    def _check_tasks(self) -> EvaluationConfig:
        names = [task.metric_name for task in self.tasks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two tasks are measured as {', '.join(twice)}: give one of them another name")
        if "humaneval" in {task.task for task in self.tasks} and not self.allow_code_execution:
            raise ValueError("humaneval runs code that the model wrote: set evaluation.allow_code_execution: true")
        return self
