"""Grade a reward model on the frozen held-out pairs, and say whether a policy may be trained on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config.schema import RewardModelConfig
from engine.data.task import Pair, shown
from engine.errors import DataError
from engine.evaluation.reward_report import Graded, RewardReport, require_accuracy, reward_metric, reward_report
from engine.judges.reward import RewardJudge
from engine.models.scoring import score
from engine.models.slots import REWARD, Slots
from engine.models.tokens import fitted, sequence_ids
from engine.records import Metric, as_json
from engine.stages.job import Job
from engine.store.atomic import write_json

REPORT = "report.json"

Margins = Callable[[Sequence[Pair]], list[float]]
"""The chosen side's score minus the rejected side's, for each pair."""


@dataclass(frozen=True, slots=True)
class Grades:
    """The report for people and for PPO, and `reward_accuracy` with its items for the rules."""

    report: RewardReport
    metric: Metric


def grade(job: Job, margins: Margins, away: Sequence[Pair] = ()) -> Grades:
    """By the task's frozen pairs. `away` are training pairs whose label was turned round, as they are in truth."""
    frozen = job.task.reward_pairs
    job.helm.enter(job.index, REWARD, "pair", promise_s=300)
    found = margins([*frozen, *away])
    graded = [_graded(job, pair, margin) for pair, margin in zip(frozen, found[: len(frozen)], strict=True)]
    report = reward_report(graded, found[len(frozen) :])
    job.say(REWARD, words(report))
    return Grades(report, reward_metric(graded))


def require_frozen_pairs(job: Job) -> None:
    """Raises DataError where there is nothing to grade on, which is better known before training than after it."""
    if not job.task.reward_pairs:
        raise DataError(
            "there are no held-out pairs to grade the reward model on",
            remedy="set data.path to a file of pairs: a share of it is held out (data.held_out)",
        )


def margins_of_slot(job: Job, slots: Slots) -> Margins:
    """By the reward slot as it is now."""

    def margins(pairs: Sequence[Pair]) -> list[float]:
        tokenizer, done = job.resident.tokenizer, 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            job.helm.progress(done // 2, len(pairs))

        sides = [sequence_ids(tokenizer, pair.prompt, side) for pair in pairs for side in (pair.chosen, pair.rejected)]
        limit = job.resident.window or max(map(len, sides))
        cut = [fitted(side, limit) for side in sides]
        return _differences(score(slots, REWARD, cut, job.config.evaluation.batch_size, advance))

    return margins


def margins_of_classifier(job: Job, name: str) -> Margins:
    """By a classifier that somebody else has trained: it is given texts, not this model's tokens."""
    judge = named_judge(job, name)

    def margins(pairs: Sequence[Pair]) -> list[float]:
        texts = [(shown(pair.prompt), side) for pair in pairs for side in (pair.chosen, pair.rejected)]
        return _differences(judge.scores(texts, job.helm.progress))

    return margins


def named_judge(job: Job, name: str) -> RewardJudge:
    """The reward model that the config names. Raises JudgeError where it is none."""
    return RewardJudge(RewardModelConfig(path=name), str(job.resident.device), "reward.model")


def write_report(folder: Path, grades: Grades) -> None:
    write_json(folder / REPORT, {"report": as_json(grades.report), "metric": as_json(grades.metric)})


def read_report(iteration: Path) -> RewardReport:
    """Of an iteration's folder, finished or in the making."""
    return RewardReport.parse(json.loads((iteration / REWARD / REPORT).read_text("utf-8"))["report"])


def read_reward_metrics(iteration: Path) -> dict[str, Metric]:
    """`reward_accuracy` with its items; nothing in an iteration that has no reward model."""
    path = iteration / REWARD / REPORT
    if not path.exists():
        return {}
    metric = Metric.parse(json.loads(path.read_text("utf-8"))["metric"])
    return {metric.name: metric}


def require_reward_model(job: Job) -> None:
    """Raises TrainingError, in words for people, where the iteration's reward model is not good enough to train on."""
    require_accuracy(read_report(job.work), job.config.reward.min_accuracy, job.config.ppo.name)


def words(report: RewardReport) -> str:
    """The report in a line: `right on 86.7% (83.5–89.4) of 504 held-out pairs; Brier …`."""
    rate, flipped = report.accuracy, report.flipped
    parts = [
        f"right on {rate.value:.1%} ({100 * rate.low:.1f}–{100 * rate.high:.1f}) of {rate.n} held-out pairs",
        f"Brier {report.brier:.3f}, calibration error {report.ece:.3f}",
    ]
    if report.length is not None:
        judge = f", the judge's {report.judge_length:+.2f}" if report.judge_length is not None else ""
        parts.append(f"correlation with length {report.length:+.2f}{judge}")
    if flipped:
        parts.append(f"holds with the truth on {flipped.value:.0%} of {flipped.n} labels turned round")
    return "; ".join(parts)


def _graded(job: Job, pair: Pair, margin: float) -> Graded:
    tokenizer = job.resident.tokenizer
    chosen, rejected = (len(sequence_ids(tokenizer, pair.prompt, side)) for side in (pair.chosen, pair.rejected))
    return Graded(margin, chosen - rejected, pair.gap, pair.category, shown(pair.prompt))


def _differences(scores: Sequence[float]) -> list[float]:
    """Of scores of both sides in turn."""
    return [mine - other for mine, other in zip(scores[::2], scores[1::2], strict=True)]
