"""What happens between two optimizer steps: record, probe, beat, obey. And the knobs that may be turned there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import TrainerCallback

from engine.config import check_setting
from engine.errors import ConfigError, Fault, TrainingError
from engine.evaluation.probe import KlProbe
from engine.helm import Helm
from engine.records import Scalar, Settings
from engine.store.ledger import Ledger
from engine.store.rows import Applied

PROBE_METRIC = "kl_probe"  # nats per token to the baseline, on the policy's own samples

Check = Callable[[str, str, Settings], Scalar]
"""`check_setting`, or its like for another section: (name, text, settings) to a value within bounds, or ConfigError."""


@dataclass(frozen=True, slots=True)
class Live:
    """Which settings of a stage may change while it trains, how a new value is checked, and what follows its end.

    `refused` has words for those that would be live elsewhere.
    """

    names: tuple[str, ...] = ("learning_rate", "beta")
    check: Check = check_setting
    then: str = "evaluation"
    refused: Mapping[str, str] = field(default_factory=dict)


class TrainerKnobs:
    """The live controls of one trainer. Values in force are what the *next* step will use."""

    def __init__(self, trainer: Any, settings: Settings, live: Live) -> None:
        self._trainer, self._settings, self._live = trainer, dict(settings), live
        self.finished = self.stopped = False

    def in_force(self) -> dict[str, Scalar]:
        return {name: self._settings[name] for name in self._live.names}

    def turn(self, wanted: Settings) -> str:
        """Set live settings, all or none. Raises ConfigError for one that is not live or a value out of bounds."""
        for name, value in wanted.items():
            if name not in self._live.names:
                problem = self._live.refused.get(name, "cannot change while training")
                fault = Fault(name, str(value), problem, f"live: {', '.join(self._live.names)}")
                raise ConfigError("set", [fault])
        before = dict(self._settings)
        checked = {name: self._live.check(name, str(value), before) for name, value in wanted.items()}
        self.apply(checked)
        return ", ".join(f"{name} {before[name]:g} → {value:g}" for name, value in checked.items())

    def apply(self, checked: Settings) -> None:
        """Put checked values in force from the next step on. Doing it twice is doing it once."""
        for name, value in checked.items():
            assert isinstance(value, int | float)
            if name == "beta":
                self._trainer.beta = float(value)
            else:
                self._set_peak(float(value))
            self._settings[name] = value

    def _set_peak(self, rate: float) -> None:
        """Scale the schedule to a new peak; its shape stays.

        Both parts change: the scheduler computes each step's rate from its base rates, and would undo a change to the
        optimizer's groups alone. A checkpoint brings both back, so the factor comes from them and not from a setting.
        """
        scheduler = self._trainer.lr_scheduler
        scheduler = getattr(scheduler, "scheduler", scheduler)
        factor = rate / scheduler.base_lrs[0]
        scheduler.base_lrs = [base * factor for base in scheduler.base_lrs]
        for group in self._trainer.optimizer.param_groups:
            group["lr"] *= factor
        scheduler._last_lr = [group["lr"] for group in self._trainer.optimizer.param_groups]  # what the log reports

    def save(self) -> str:
        self._trainer.control.should_save = True
        return f"checkpoint at step {self._trainer.state.global_step}"

    def finish(self) -> str:
        self._end(finished=True)
        return f"training ends at step {self._trainer.state.global_step}; {self._live.then} is next"

    def stop(self) -> str:
        self._end(finished=False)
        return f"stopping at step {self._trainer.state.global_step}, with a checkpoint"

    def _end(self, finished: bool) -> None:
        self.finished, self.stopped = finished, not finished
        self._trainer.control.should_training_stop = self._trainer.control.should_save = True


class Boundary(TrainerCallback):  # type: ignore[misc]
    """Stands between a trainer's steps. One a training; `attach` gives it the trainer that it stands in."""

    def __init__(
        self,
        ledger: Ledger,
        helm: Helm,
        probe: KlProbe | None,
        *,
        iteration: int,
        first_step: int,
        settings: Settings,
        probe_share: float,
        past: Sequence[Applied] = (),
        live: Live | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._helm, self._probe, self._clock = ledger, helm, probe, clock
        self._iteration, self._first, self._settings = iteration, first_step, settings
        self._live = live or Live()
        self._share, self._allowance = probe_share, 0.0
        self._recorded = ledger.last_recorded_step(iteration) or first_step
        self._past = list(past)
        self._step_began: float | None = None

    def attach(self, trainer: Any) -> None:
        self._trainer = trainer
        self.knobs = TrainerKnobs(trainer, self._settings, self._live)

    # -- the trainer's hooks --------------------------------------------------------------------------------------

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """After a checkpoint is loaded: bring back what had been turned before it was saved."""
        self._helm.knobs = self.knobs
        self._helm.replaying = self._first + state.global_step < self._recorded
        self._helm.step = self._first + state.global_step
        self._replay(self._helm.step)
        self._helm.progress(state.global_step, state.max_steps)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._step_began = self._clock()

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._helm.beat()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        step = self._first + state.global_step
        self._helm.step = step
        self._replay(step)
        self._helm.replaying = step < self._recorded
        self._measure_kl(step)
        self._helm.progress(state.global_step, state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        step = self._first + state.global_step
        values = {name: float(value) for name, value in (logs or {}).items() if isinstance(value, int | float)}
        if "loss" not in values:
            return  # the summary at the end of training repeats what is on record
        if step > self._recorded:
            self._ledger.record(self._iteration, step, time.time(), values)
        if not all(math.isfinite(values.get(name, 0.0)) for name in ("loss", "grad_norm")):
            norm = values.get("grad_norm", math.nan)
            raise TrainingError(
                f"loss {values['loss']:g}, gradient norm {norm:g} at step {state.global_step}",
                remedy="retry from the parent with a lower learning rate",
            )

    # -- what they use --------------------------------------------------------------------------------------------

    def _replay(self, step: int) -> None:
        """Turn again what an earlier attempt turned before the step after this one: the trajectory stays the same."""
        due = [row for row in self._past if row.step is not None and row.step <= step + 1]
        self._past = [row for row in self._past if row not in due]
        for row in due:
            if row.command.kind == "gate":
                self.knobs.finish()
            else:
                checks = row.command.arg.items()
                self.knobs.apply({name: self._live.check(name, str(value), self._settings) for name, value in checks})

    def _measure_kl(self, step: int) -> None:
        """Probe when the share of training time that has accrued pays for it; the first step of all is free to ask."""
        if self._probe is None or not self._share:
            return
        if self._step_began is not None:
            self._allowance += self._share * (self._clock() - self._step_began)
        if self._allowance < self._probe.cost_s or step <= self._recorded:
            return
        per_token = self._probe.measure()
        self._allowance -= self._probe.cost_s
        self._ledger.record(self._iteration, step, time.time(), {PROBE_METRIC: per_token})
