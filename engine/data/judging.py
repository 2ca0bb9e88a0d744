"""The judges that a config names: one that training asks, and perhaps one that only evaluation does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config.schema import JudgesConfig, RewardModelConfig
from engine.data.task import Pair, shown
from engine.data.world.manners import DemoJudge
from engine.errors import DataError
from engine.judges.base import Judge
from engine.judges.endpoint import EndpointJudge
from engine.judges.implicit import ImplicitJudge, LogRatios
from engine.judges.operator import OperatorJudge, Opinion
from engine.judges.overlap import OverlapJudge
from engine.judges.reward import HeadJudge, RewardJudge, Scores
from engine.judges.sentiment import SentimentJudge
from engine.models.slots import HEAD
from engine.records import Content

Prompts = Mapping[str, Content]
"""What a judge reads as a prompt, and the prompt as the model is given it."""


def _nothing() -> Iterable[Opinion]:
    return ()


@dataclass(frozen=True, slots=True)
class Aboard:
    """What a run has that a judge can be made of, beside its config: filled in by whoever has the model and the run."""

    device: str = "cpu"
    log_ratios: Callable[[Prompts], LogRatios] | None = None
    head: Callable[[Prompts, Path], Scores] | None = None
    beta: float = 1.0
    opinions: Callable[[], Iterable[Opinion]] = _nothing


def make_judges(
    config: JudgesConfig, pairs: Sequence[Pair], aboard: Aboard | None = None
) -> tuple[Judge, Judge | None]:
    """(training, held out). `pairs` are the recorded ones; the demo has none.

    Raises DataError for a judge that has nothing to judge by, or that would hold itself out.
    """
    training = config.training if config.training != "auto" else "overlap" if pairs else "demo"
    if config.held_out == training:
        raise DataError(
            f"judges.held_out = {training} is the training judge too, so nothing is held out",
            remedy="name another judge, or leave judges.held_out out",
        )
    aboard = aboard or Aboard()
    held_out = _judge("held_out", config.held_out, config, pairs, aboard) if config.held_out else None
    return _judge("training", training, config, pairs, aboard), held_out


def _judge(place: str, name: str, config: JudgesConfig, pairs: Sequence[Pair], aboard: Aboard) -> Judge:
    """`demo` is for files of the demo's own questions: it refuses any other prompt when it meets one."""
    if name == "overlap" and not pairs:
        raise DataError(
            f"judges.{place} = overlap needs recorded pairs to compare with, and the demo has none",
            remedy=f"leave judges.{place} out, or set data.path to a file of pairs",
        )
    makers: dict[str, Callable[[], Judge]] = {
        "demo": DemoJudge,
        "endpoint": lambda: EndpointJudge(config.endpoint),
        "implicit": lambda: _implicit(place, pairs, aboard),
        "operator": lambda: OperatorJudge(aboard.opinions),
        "overlap": lambda: OverlapJudge((shown(pair.prompt), pair.chosen, pair.rejected) for pair in pairs),
        "reward_model": lambda: _reward_model(place, config.reward_model, pairs, aboard),
        "sentiment": SentimentJudge,
    }
    return makers[name]()


def _implicit(place: str, pairs: Sequence[Pair], aboard: Aboard) -> Judge:
    if aboard.log_ratios is None:
        raise DataError(f"judges.{place} = implicit needs the run's own model, and none is loaded")
    return ImplicitJudge(aboard.log_ratios(_prompts(pairs)), aboard.beta)


def _reward_model(place: str, config: RewardModelConfig, pairs: Sequence[Pair], aboard: Aboard) -> Judge:
    """A folder with a head in it is a reward stage's, on the run's own base; any other is a model of its own."""
    folder = Path(str(config.path)).expanduser()
    if not (folder / HEAD).exists():
        return RewardJudge(config, aboard.device)
    if aboard.head is None:
        raise DataError(f"judges.{place}: {folder} is a head for the run's own model, and none is loaded")
    return HeadJudge(aboard.head(_prompts(pairs), folder))


def _prompts(pairs: Sequence[Pair]) -> Prompts:
    return {shown(pair.prompt): pair.prompt for pair in pairs}
