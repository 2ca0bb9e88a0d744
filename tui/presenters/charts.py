"""Which metrics the four charts show: the first of each slot's candidates that the window has numbers for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.records import Iteration

if TYPE_CHECKING:
    from engine.store.rows import Floats


@dataclass(frozen=True, slots=True)
class Plot:
    """One metric as a chart: `lo` and `hi` are fixed ends of the axis, None follows the data.

    `limited` draws the run's KL limit, `target` names a metric whose newest value is drawn as a line. `late` is of a
    stage that comes after others: the axis begins where its data does. `beside` names a metric without which it is not
    meant: another trainer has one of the same name. `tab` is the word for it where one chart is shown at a time, by
    default the slot's own.
    """

    metric: str
    title: str
    lo: float | None = None
    hi: float | None = None
    limited: bool = False
    unit: str = ""
    target: str = ""
    late: bool = False
    beside: str = ""
    tab: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """One chart's data: steps as shown, column ranges and means (float arrays of one length); the target's value."""

    plot: Plot
    x: Floats
    lo: Floats
    hi: Floats
    mean: Floats
    target: float | None = None


SLOTS: tuple[tuple[Plot, ...], ...] = (
    (
        Plot("objective/rlhf_reward", "objective/rlhf_reward", late=True, tab="reward"),
        Plot("reward", "reward", late=True, tab="reward"),  # RLOO's and GRPO's, from here to `clip_ratio`
        Plot("loss", "loss"),
        Plot("sft/loss", "sft/loss"),
    ),
    (
        Plot("objective/entropy", "objective/entropy", lo=0, unit="nats/sample", late=True, tab="entropy"),
        Plot("completions/mean_length", "completions/mean_length", lo=0, unit="tokens", late=True, tab="length"),
        Plot("accuracy", "reward model's accuracy", hi=1),
        Plot("rewards/accuracies", "rewards/accuracies", hi=1),
        Plot("mean_token_accuracy", "mean_token_accuracy", hi=1),
        Plot("rewards/chosen", "rewards/chosen", tab="chosen"),  # KTO's batches hold no pairs to be right about
    ),
    (
        Plot("objective/kl", "objective/kl", lo=0, unit="nats/sample", target="kl_target", late=True),
        Plot("kl", "KL to reference", unit="nats/token", late=True, beside="reward"),
        Plot("kl_probe", "KL to baseline", lo=0, limited=True, unit="nats/token"),
        Plot("entropy", "entropy", unit="nats/token", tab="entropy"),
        Plot("grad_norm", "grad_norm", lo=0, tab="grad"),
    ),
    (
        Plot("explained_variance", "explained_variance", hi=1, late=True, tab="value"),
        Plot("clip_ratio/region_mean", "clip_ratio/region_mean", lo=0, late=True, tab="clip"),
        Plot("margin", "reward model's margin"),
        Plot("rewards/margins", "rewards/margins"),
        Plot("learning_rate", "learning_rate", lo=0, tab="rate"),
    ),
)


def scope(iterations: tuple[Iteration, ...], last_step: int | None) -> Iteration | None:
    """The newest iteration that has trained at all: what the charts show while the next one still collects."""
    if last_step is None:
        return None
    trained = [one for one in iterations if one.first_step < last_step]
    return trained[-1] if trained else None
