"""RLOO (Ahmadian et al., arXiv 2402.14740) and GRPO (Shao et al., arXiv 2402.03300): TRL's trainers on the policy slot.

Neither has a value model: what a sample is worth is told by the other samples of its prompt. An update is sampled once
and learnt from in several optimizer steps, which are the trainer's steps. Sampling and scoring are the engine's own:
seeded by the update, in parts where they do not fit, with our token ids; the loss and what is before it are TRL's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from engine.config.schema import PpoConfig
from engine.data.task import Prompt
from engine.models.generate import Completion, as_completion, complete, fit
from engine.models.resident import POLICY, Resident
from engine.models.slots import Slots
from engine.models.tokens import prompt_ids
from engine.rl.rollout import GENERATED
from engine.stages.boundary import Boundary
from engine.stages.job import Job
from engine.stages.lookout import Lookout
from engine.stages.objectives.arguments import common_arguments
from engine.stages.slot_training import SlotTrainer
from engine.stages.trainer import REFERENCE_ADAPTER, drop_reference
from engine.stages.training import Training

Score = Callable[[Sequence[Prompt], Sequence[Completion]], Sequence[float]]
"""The reward of each completion, in the baseline's units."""


class GroupTrainer(SlotTrainer):
    """A mixin before TRL's two trainers. A row of their data is the place of a prompt in `prompts`."""

    prompts: Sequence[Prompt]
    settings: PpoConfig
    lookout: Lookout

    def foresee(self, *_: Any) -> None:
        """Nothing to foretell: every update has samples of the same length at most."""

    @property
    def update(self) -> int:
        """The number of the update at work, from 1."""
        return int(self.state.global_step) // self.settings.passes + 1

    # -- an update's samples --------------------------------------------------------------------------------------

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """A micro-batch is taken out of the samples once, before its loss, which may have to be computed in parts."""
        if self._buffered_inputs is None:  # after a resume: the steps that the dead attempt has done
            self._step = self.state.global_step * self.args.gradient_accumulation_steps
        model.train()
        taken, number = self._prepare_inputs(inputs), self._step
        loss: Tensor = super().training_step(model, taken, num_items_in_batch)
        self._step = number + 1
        return loss

    def _prepare_inputs(self, inputs: Any) -> dict[str, Any]:
        prepared: dict[str, Any] = inputs if isinstance(inputs, dict) else super()._prepare_inputs(inputs)
        return prepared

    def size_of(self, inputs: dict[str, Any]) -> tuple[int, int]:
        rows, width = inputs["completion_ids"].shape
        return rows, width + inputs["prompt_ids"].shape[1]

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        resident, most = self.slots.resident, self.settings.max_new_tokens
        asked = [self.prompts[int(place)].content for place in prompts]
        return [list(fit(resident, prompt_ids(resident.tokenizer, each), most)) for each in asked], None, {}

    def _generate_single_turn(self, prompt_ids: list[list[int]], *_: Any) -> Any:
        said = complete(
            self.slots.resident,
            [tuple(ids) for ids in prompt_ids],
            max_new_tokens=self.settings.max_new_tokens,
            temperature=1.0,
            seed=self.args.seed * 100_003 + self.update,
            batch_size=GENERATED * self.args.per_device_train_batch_size,
            progress=lambda *_: self._beat(),
        )
        return [list(each.ids) for each in said]

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        kept: int,
        batch_size: int | None = None,
        **more: Any,
    ) -> Any:
        """Fewer rows at a time where they do not fit; a loss, which has a backward, is the recovery's."""
        score = super()._get_per_token_logps_and_entropies
        if torch.is_grad_enabled():
            return score(model, input_ids, attention_mask, kept, batch_size, **more)

        def run(rows: Sequence[int]) -> Tensor:
            part = slice(rows[0], rows[-1] + 1)
            found: Tensor = score(model, input_ids[part], attention_mask[part], kept)[0]
            return found

        total, width = input_ids.shape
        found = []
        for start in range(0, total, batch_size or total):
            rows = range(start, min(start + (batch_size or total), total))
            parts = self.room.in_parts("log-probabilities", rows, run, lambda part: len(part) * width)
            found += [each for _, each in parts]
            self._beat()
        return torch.cat(found), None, None

    def _beat(self) -> None:
        self.callback_handler.on_substep_end(self.args, self.state, self.control)

    # -- what is said of it, and what is kept ---------------------------------------------------------------------

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            done = int(self.state.global_step) // self.settings.passes
            logs |= {"beta": float(self.beta), "episode": float(done * self.settings.rollouts), **self._look(done)}
        super().log(logs, start_time)

    def _look(self, done: int) -> dict[str, float]:
        every, last = self.settings.check_every, self.state.global_step == self.state.max_steps
        return self.lookout.look(done) if every and (done % every == 0 or last) else {}

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)
        self.lookout.save(Path(output_dir or self.args.output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self.lookout.load(Path(resume_from_checkpoint))


class RlooTrainer(GroupTrainer, RLOOTrainer):  # type: ignore[misc]
    """KL is paid out of a sample's reward; its baseline is the mean of the other samples' rewards."""


class GrpoTrainer(GroupTrainer, GRPOTrainer):  # type: ignore[misc]
    """KL is a term of the loss; a sample's advantage is its reward less its group's mean, over their deviation."""

    def _generate_single_turn(self, prompt_ids: list[list[int]], *rest: Any) -> Any:
        return super()._generate_single_turn(prompt_ids, *rest), None


class WholeUpdates(TrainerCallback):  # type: ignore[misc]
    """An end or a save that is asked for between two steps of an update comes after its last: no checkpoint holds its
    samples, and a resume would draw others.
    """

    def __init__(self, passes: int) -> None:
        self._passes, self._save, self._end = passes, False, False

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._save, self._end = self._save or control.should_save, self._end or control.should_training_stop
        whole = state.global_step % self._passes == 0
        control.should_save, control.should_training_stop = whole and self._save, whole and self._end
        self._save = self._save and not whole


# -- made -------------------------------------------------------------------------------------------------------------


def build_trainer(
    job: Job,
    slots: Slots,
    score: Score,
    prompts: Sequence[Prompt],
    weights: Sequence[float],
    lookout: Lookout,
    training: Training,
    boundary: Boundary,
) -> GroupTrainer:
    """A trainer of the policy now in its slot, which is its reference too unless that is the base."""
    settings, resident = job.config.ppo, job.resident
    rows = drawn(weights, settings.rollouts // settings.group, job.config.training.max_steps, job.seed)
    made = {"rloo": _rloo, "grpo": _grpo}[settings.algorithm](
        _arguments(job, training.folder),
        settings,
        model=resident.model,
        reward_funcs=reward_of(resident, score, prompts, settings),
        train_dataset=Dataset.from_dict({"prompt": [str(row) for row in rows]}),
        processing_class=resident.tokenizer,
        callbacks=[boundary, WholeUpdates(settings.passes)],
    )
    made.fit_out(slots, POLICY, ())
    made.prompts, made.settings, made.lookout = prompts, settings, lookout
    if settings.reference == "base":
        drop_reference(resident)
    _freeze_reference(resident)
    return made


def reward_of(resident: Resident, score: Score, known: Sequence[Prompt], settings: PpoConfig) -> Callable[..., Any]:
    """TRL's reward function: the reward model's score within its bounds, less the price of a sample without an end."""

    def reward_model(prompts: list[str], completion_ids: list[list[int]], log_metric: Any, **_: Any) -> list[float]:
        said = [as_completion(resident, ids) for ids in completion_ids]
        scores = score([known[int(place)] for place in prompts], said)
        log_metric("objective/scores", fmean(scores))
        return [
            max(-bound, min(bound, one)) - settings.missing_eos * (not each.finished)
            for one, each in zip(scores, said, strict=True)
        ]

    bound = settings.score_clip
    return reward_model


def drawn(weights: Sequence[float], count: int, updates: int, seed: int) -> list[int]:
    """The places of the prompts of all updates, `count` each, as often as their weights say, none twice in an update
    while there are enough.
    """
    found: list[int] = []
    for number in range(1, updates + 1):
        rng = Random(seed * 100_003 + number)
        keys = sorted(range(len(weights)), key=lambda i: -(rng.random() ** (1 / weights[i])) if weights[i] else 0.0)
        able = [i for i in keys if weights[i]]
        found += (able * (count // len(able) + 1))[:count]
    return found


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Else the first ratio of an update would be something else than 1. TRL's own switch would be for good."""
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Dropout)]
    before = [layer.p for layer in layers]
    for layer in layers:
        layer.p = 0.0
    try:
        yield
    finally:
        for layer, p in zip(layers, before, strict=True):
            layer.p = p


def _rloo(arguments: dict[str, Any], settings: PpoConfig, **given: Any) -> GroupTrainer:
    return RlooTrainer(args=RLOOConfig(**arguments, normalize_advantages=settings.whiten_advantages), **given)


def _grpo(arguments: dict[str, Any], settings: PpoConfig, **given: Any) -> GroupTrainer:
    return GrpoTrainer(args=GRPOConfig(**arguments, scale_rewards=settings.whiten_advantages), **given)


def _arguments(job: Job, folder: Path) -> dict[str, Any]:
    """What both of TRL's configs take. `training` counts in updates, TRL in optimizer steps."""
    settings, training = job.config.ppo, job.config.training
    micro = micro_batch(settings.minibatch, training.batch_size)
    common = common_arguments(job.config, job.resident, folder, job.seed)
    del common["max_length"]  # a prompt comes cut to length, and a completion ends at its limit
    return {
        **common,
        "max_steps": training.max_steps * settings.passes,
        "warmup_steps": training.warmup_steps * settings.passes,
        "logging_steps": settings.passes,
        "save_steps": training.checkpoint_steps * settings.passes,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": settings.minibatch // micro,
        "steps_per_generation": settings.rollouts // micro,
        "num_iterations": settings.epochs,
        "num_generations": settings.group,
        "max_completion_length": settings.max_new_tokens,
        "epsilon": settings.clip,
        "shuffle_dataset": False,  # the rows come drawn
        "gradient_checkpointing": False,  # `in_training`'s: a trainer would leave it on for the next one
        "gradient_checkpointing_kwargs": {"use_reentrant": False},  # TRL turns it off to score, and on again
    }


def micro_batch(minibatch: int, most: int) -> int:
    """Samples in one forward: the largest equal part of a minibatch of at most `most`."""
    return next(size for size in range(min(minibatch, most), 0, -1) if minibatch % size == 0)


def _freeze_reference(resident: Resident) -> None:
    for name, parameter in resident.model.named_parameters():
        if f".{REFERENCE_ADAPTER}." in name:
            parameter.requires_grad_(False)
