"""PPO's loop over updates, with the hooks and the whole checkpoints of the other stages' trainers.

Every random draw of an update comes from the iteration's seed and the update's number, so that a resumed training goes
on along the same trajectory without any random state on disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import torch
from transformers import TrainerControl, TrainerState, get_scheduler

from engine.config.schema import RunConfig
from engine.data.task import Prompt
from engine.errors import NoSpaceError
from engine.models.resident import POLICY
from engine.models.room import attempt
from engine.models.slots import SFT, VALUE, Slots
from engine.rl.controller import KlController
from engine.rl.experience import Experience, ask, learn_from
from engine.rl.metrics import kl_of, metrics
from engine.rl.rollout import Rollout, roll_out
from engine.rl.update import Learner, Tally
from engine.stages.boundary import Boundary
from engine.stages.lookout import Lookout
from engine.stages.proxy import Proxy
from engine.stages.recovery.warm import warm
from engine.stages.recovery.words import no_optimizer
from engine.store.atomic import require_space, staged, write_json

STATE, OPTIMIZER = "ppo.json", "optimizer.pt"
RESERVE = 256 * 2**20  # bytes that a save leaves free


class PpoTrainer:
    """Trains the policy slot. `beta`, `optimizer` and `lr_scheduler` are what live controls reach for."""

    on_checkpoint: Callable[[int, Path], None]
    on_full_disk: Callable[[str], None]

    def __init__(
        self,
        slots: Slots,
        proxy: Proxy,
        prompts: list[Prompt],
        weights: list[float],
        lookout: Lookout,
        config: RunConfig,
        target: float,
        folder: Path,
        seed: int,
        boundary: Boundary,
    ) -> None:
        self._slots, self._proxy, self._lookout = slots, proxy, lookout
        self._prompts, self._weights = prompts, weights
        self._settings, self._training, self._checking = (
            config.ppo,
            config.training,
            config.model.gradient_checkpointing,
        )
        self._folder, self._seed, self._boundary = folder, seed, boundary
        self._learner = self._make_learner()
        self.optimizer = self._learner.optimizer
        training = config.training
        self.lr_scheduler = get_scheduler(training.scheduler, self.optimizer, training.warmup_steps, training.max_steps)
        self._controller = KlController(
            training.beta,
            target,
            config.ppo.kl_gain,
            min(config.ppo.beta_floor, training.beta),
            config.ppo.beta_ceiling,
            config.ppo.adaptive,
        )
        self.state = TrainerState(max_steps=training.max_steps)
        self.control = TrainerControl()

    @property
    def beta(self) -> float:
        return self._controller.beta

    @beta.setter
    def beta(self, value: float) -> None:
        self._controller.beta = value

    def foresee(self, *_: Any) -> None:
        """Nothing to foretell: every update has samples of the same length at most."""

    def train(self, resume_from_checkpoint: str | None = None) -> None:
        """All updates that are left."""
        if resume_from_checkpoint:
            self._load(Path(resume_from_checkpoint))
        self._slots.resident.model.eval()  # dropout would make the first ratio of an update something else than 1
        self._make_room()
        self._boundary.on_train_begin(None, self.state, self.control)
        while self.state.global_step < self.state.max_steps and not self.control.should_training_stop:
            self._boundary.on_step_begin(None, self.state, self.control)
            logs = self._update(self.state.global_step + 1)
            self.state.global_step += 1
            self._boundary.on_step_end(None, self.state, self.control)
            self._boundary.on_log(None, self.state, self.control, logs)
            if self._is_due(self.state.global_step):
                self._save()

    def _is_due(self, step: int) -> bool:
        wanted = self.control.should_save or self.control.should_training_stop
        self.control.should_save = False
        return wanted or step == self.state.max_steps or step % self._training.checkpoint_steps == 0

    def _make_room(self) -> None:
        """The optimizer's state, before the first step: memory that runs out within a step cannot be taken back."""
        room = self._slots.resident.room
        while attempt(partial(warm, self.optimizer)) is None:
            room.hold(no_optimizer(self._training.optimizer))

    # -- one update -----------------------------------------------------------------------------------------------

    def _update(self, number: int) -> dict[str, float]:
        """Sample, ask the models, learn; then steer beta by the KL that was found. Its metrics."""
        began, chosen, beta = time.monotonic(), self._settings, self.beta
        seed = self._seed * 100_003 + number
        rollout = self._roll_out(seed)
        reference = SFT if chosen.reference == "sft" else None
        opinions = ask(self._slots, rollout, reference, self._scores, self._training.batch_size)
        experience = learn_from(rollout, opinions, beta, chosen)
        warming = number <= chosen.value_warmup
        tally = self._learner.update(experience, seed=seed, warming=warming, beat=self._beat)
        if tally.undone:
            self._slow_down()
        rate = self.optimizer.param_groups[0]["lr"]
        self.lr_scheduler.step()
        self._controller.update(kl_of(experience, chosen.kl_per))
        seconds = time.monotonic() - began
        return {**self._metrics(experience, tally, beta), **self._pace(number, seconds, rate), **self._look(number)}

    def _roll_out(self, seed: int) -> Rollout:
        prompts = Random(seed).choices(self._prompts, self._weights, k=self._settings.rollouts)
        return roll_out(
            self._slots,
            prompts,
            max_new_tokens=self._settings.max_new_tokens,
            batch_size=self._training.batch_size,
            seed=seed,
            beat=self._beat,
        )

    def _scores(self, rollout: Rollout) -> torch.Tensor:
        scores = self._proxy(rollout.prompts, rollout.completions)
        return torch.tensor(scores, device=rollout.ids.device)

    def _slow_down(self) -> None:
        """An update that was undone would be undone again: half the rate from here on, the schedule's shape kept."""
        self.lr_scheduler.base_lrs = [rate / 2 for rate in self.lr_scheduler.base_lrs]

    def _metrics(self, experience: Experience, tally: Tally, beta: float) -> dict[str, float]:
        return metrics(experience, tally, beta, self._controller.target, self._settings.kl_per)

    def _pace(self, number: int, seconds: float, rate: float) -> dict[str, float]:
        samples = self._settings.rollouts
        return {"episode": float(number * samples), "eps": samples / seconds, "lr": rate, "learning_rate": rate}

    def _look(self, number: int) -> dict[str, float]:
        every = self._settings.check_every
        if not every or (number % every and number != self.state.max_steps):
            return {}
        return self._lookout.look(number)

    def _beat(self) -> None:
        self._boundary.on_substep_end(None, self.state, self.control)

    # -- whole checkpoints ----------------------------------------------------------------------------------------

    def _save(self) -> None:
        """Policy, value model, optimizer, schedule, controller and the best policy so far, all of them or none."""
        place = self._folder / f"checkpoint-{self.state.global_step}"
        while not place.exists():
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                require_space(place.parent, RESERVE)
                with staged(place) as staging:
                    self._write(staging)
            except NoSpaceError as error:
                self.on_full_disk(str(error))
        self.on_checkpoint(self.state.global_step, place)

    def _write(self, folder: Path) -> None:
        self._slots.save(POLICY, folder)
        self._slots.save(VALUE, folder / VALUE)
        self._lookout.save(folder)
        torch.save(self.optimizer.state_dict(), folder / OPTIMIZER)
        schedule = {key: value for key, value in self.lr_scheduler.state_dict().items() if key != "lr_lambdas"}
        state = {
            "step": self.state.global_step,
            "controller": self._controller.as_json(),
            "schedule": schedule,
        }
        write_json(folder / STATE, state)

    def _load(self, folder: Path) -> None:
        self._slots.load(POLICY, folder)
        self._slots.load(VALUE, folder / VALUE)
        self.optimizer.load_state_dict(torch.load(folder / OPTIMIZER, weights_only=True))
        state = json.loads((folder / STATE).read_text("utf-8"))
        self.lr_scheduler.load_state_dict(
            {**state["schedule"], "lr_lambdas": [None] * len(self.optimizer.param_groups)}
        )
        self._controller = KlController(**state["controller"])
        self._lookout.load(folder)
        self.state.global_step = state["step"]

    def _make_learner(self) -> Learner:
        return Learner(
            self._slots,
            self._settings,
            learning_rate=self._training.learning_rate,
            micro_batch=self._training.batch_size,
            weight_decay=self._training.weight_decay,
            max_grad_norm=self._training.max_grad_norm,
            recompute=self._checking,
            optimizer=self._training.optimizer,
        )
