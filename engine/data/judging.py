"""The judges that a config names: one that training asks, and perhaps one that only evaluation does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.config.schema import JudgesConfig
from engine.data.task import Pair, shown
from engine.data.world.manners import DemoJudge
from engine.errors import DataError
from engine.judges.base import Judge
from engine.judges.endpoint import EndpointJudge
from engine.judges.overlap import OverlapJudge
from engine.judges.reward import RewardJudge
from engine.judges.sentiment import SentimentJudge


def make_judges(config: JudgesConfig, pairs: Sequence[Pair], device: str = "cpu") -> tuple[Judge, Judge | None]:
    """(training, held out). `pairs` are the recorded ones; the demo has none. `device` is for judges that are models.

    Raises DataError for a judge that has nothing to judge by, or that would hold itself out.
    """
    training = config.training if config.training != "auto" else "overlap" if pairs else "demo"
    if config.held_out == training:
        raise DataError(
            f"judges.held_out = {training} is the training judge too, so nothing is held out",
            remedy="name another judge, or leave judges.held_out out",
        )
    held_out = _judge("held_out", config.held_out, config, pairs, device) if config.held_out else None
    return _judge("training", training, config, pairs, device), held_out


def _judge(place: str, name: str, config: JudgesConfig, pairs: Sequence[Pair], device: str) -> Judge:
    """`demo` is for files of the demo's own questions: it refuses any other prompt when it meets one."""
    if name == "overlap" and not pairs:
        raise DataError(
            f"judges.{place} = overlap needs recorded pairs to compare with, and the demo has none",
            remedy=f"leave judges.{place} out, or set data.path to a file of pairs",
        )
    makers: dict[str, Callable[[], Judge]] = {
        "demo": DemoJudge,
        "endpoint": lambda: EndpointJudge(config.endpoint),
        "overlap": lambda: OverlapJudge((shown(pair.prompt), pair.chosen, pair.rejected) for pair in pairs),
        "reward_model": lambda: RewardJudge(config.reward_model, device),
        "sentiment": SentimentJudge,
    }
    return makers[name]()
