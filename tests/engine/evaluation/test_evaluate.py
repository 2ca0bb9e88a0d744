from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from engine.config import RunConfig, parse_config
from engine.data.build import build_task
from engine.data.task import Probe, Question, Task
from engine.evaluation.evaluate import evaluate
from engine.evaluation.implicit import log_ratios
from engine.evaluation.outcome import Evaluation
from engine.judges.base import OneByOne, ScoringJudge, verdict
from engine.judges.implicit import ImplicitJudge
from engine.models.resident import Resident
from engine.records import KL, PREFERENCE_ACCURACY, WIN_RATE
from tests.fixtures.untrained import stir, untrained_resident

CONFIG = parse_config("evaluation: {prompts: 4, completions: 2, max_new_tokens: 6, batch_size: 8}")
EXPECTED = {
    *(WIN_RATE, "judge_score", PREFERENCE_ACCURACY),
    *(
        KL,
        "kl_sequence",
        "kl_parent",
        "entropy",
        "perplexity",
        "length",
        "length_ratio",
        "truncation_rate",
        "distinct_2",
    ),
    *("facts", "sums", "code"),
}


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Resident:
    return untrained_resident(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def task(resident: Resident) -> Task:
    whole = build_task(CONFIG, resident)
    probes = tuple(replace(probe, questions=probe.questions[:6]) for probe in whole.probes)
    return replace(
        whole, held_out_pairs=whole.held_out_pairs[:10], held_out_text=whole.held_out_text[:5], probes=probes
    )


@pytest.fixture
def baseline(resident: Resident, task: Task) -> Evaluation:
    resident.reset_policy(0)
    return evaluate(resident, task, CONFIG, baseline=None)


def values(evaluation: Evaluation) -> dict[str, float | None]:
    return {name: metric.value for name, metric in evaluation.metrics.items()}


def test_the_baseline_is_half_against_itself_and_nowhere_from_itself(baseline: Evaluation) -> None:
    found = values(baseline)
    assert set(found) == EXPECTED
    assert (found[WIN_RATE], found[PREFERENCE_ACCURACY], found[KL], found["length_ratio"]) == (0.5, 0.5, 0.0, 1.0)
    assert all(metric.measured and metric.n for metric in baseline.metrics.values())


def test_every_metric_carries_items_that_give_its_value(resident: Resident, task: Task, baseline: Evaluation) -> None:
    stir(resident, scale=0.2)
    found = evaluate(resident, task, CONFIG, baseline=baseline).metrics
    for name in (
        WIN_RATE,
        "judge_score",
        PREFERENCE_ACCURACY,
        "kl_sequence",
        "length",
        "truncation_rate",
        "facts",
        "sums",
    ):
        metric = found[name]
        assert metric.items is not None, name
        assert metric.value == pytest.approx(sum(metric.items) / len(metric.items)), name
        assert metric.low is not None, name
        assert metric.high is not None, name
        assert metric.low <= metric.value <= metric.high, name
    assert found[KL].value is not None
    assert found[KL].value > 0
    assert found["kl_parent"] == replace(found[KL], name="kl_parent")
    assert len(found[WIN_RATE].items or ()) == len(found[KL].items or ()) == 8
    assert set(found[WIN_RATE].categories or ()) == {prompt.category for prompt in task.eval_prompts}


class Length(ScoringJudge):
    """Counts what it is asked about."""

    name = "length"

    def __init__(self) -> None:
        self.asked = 0

    def score(self, prompt: str, completion: str) -> float:
        self.asked += 1
        return float(len(completion))


class FirstPlace(OneByOne):
    """Scores everything alike and always prefers what it is shown first."""

    name, ordered = "first place", True

    def score(self, prompt: str, completion: str) -> float:
        return 7.0

    def compare(self, prompt: str, first: str, second: str) -> float:
        return 1.0


def test_a_held_out_judge_has_the_win_rate_and_the_training_judge_its_own(resident: Resident, task: Task) -> None:
    judge = Length()
    task = replace(task, judge=FirstPlace(), held_out_judge=judge)
    resident.reset_policy(0)
    baseline = evaluate(resident, task, CONFIG, baseline=None)
    assert baseline.scores == (7.0,) * 8
    assert baseline.held_out_scores == tuple(float(len(said.text)) for said in baseline.completions)
    stir(resident, scale=0.2)
    found = evaluate(resident, task, CONFIG, baseline=baseline)
    longer = [
        0.5 if len(mine.text) == len(other.text) else float(len(mine.text) > len(other.text))
        for mine, other in zip(found.completions, baseline.completions, strict=True)
    ]
    changed = [
        float(mine.text != other.text) for mine, other in zip(found.completions, baseline.completions, strict=True)
    ]
    assert list(found.metrics[WIN_RATE].items or ()) == longer
    assert found.metrics["win_rate_training_judge"].items == (0.5,) * 8
    assert (found.metrics["judge_score"].value, found.metrics["held_out_judge_score"].value) == (
        7.0,
        pytest.approx(sum(found.held_out_scores) / 8),
    )
    assert found.metrics["judge_inconsistency"].items == tuple(changed)
    assert sum(changed) > 0
    assert baseline.metrics["judge_inconsistency"].value == 0
    assert judge.asked == 16, "the baseline's completions are scored once, when it is evaluated"
    assert {answer.metric for answer in found.answers} >= {WIN_RATE, "win_rate_training_judge"}
    assert Evaluation.parse(found.as_json(), found.samples) == replace(found, answers=())


def test_a_judge_that_changes_its_mind_compares_by_what_it_says_now(
    resident: Resident, task: Task, baseline: Evaluation
) -> None:
    """The policy's own reward: nothing at the baseline, whose stored scores are therefore no yardstick."""
    implicit = ImplicitJudge(log_ratios(resident, {}, 8), 0.1)
    task = replace(task, judge=implicit)
    resident.reset_policy(0)
    before = evaluate(resident, task, CONFIG, baseline=None)
    assert before.scores == pytest.approx((0.0,) * 8, abs=1e-5)
    stir(resident, scale=0.2)
    found = evaluate(resident, task, CONFIG, baseline=before)
    prompts = [prompt.text for prompt in task.eval_prompts for _ in range(2)]
    mine, theirs = (
        implicit.scores([(prompt, said.text) for prompt, said in zip(prompts, side, strict=True)])
        for side in (found.completions, before.completions)
    )
    assert found.scores == pytest.approx(mine, abs=1e-5)
    expected = [verdict(a - b, implicit.margin) for a, b in zip(mine, theirs, strict=True)]
    assert list(found.metrics[WIN_RATE].items or ()) == expected
    assert min(abs(score) for score in theirs) > 0
    assert "judge_inconsistency" not in found.metrics


def test_the_same_policy_is_measured_the_same_twice(resident: Resident, task: Task, baseline: Evaluation) -> None:
    stir(resident)
    one, two = (evaluate(resident, task, CONFIG, baseline=baseline) for _ in range(2))
    assert one.metrics == two.metrics
    assert one.completions == two.completions


def test_the_baseline_measured_again_beats_and_loses_to_nobody(
    resident: Resident, task: Task, baseline: Evaluation
) -> None:
    """An adapter that changes nothing draws the baseline's very samples, so that every comparison is a tie."""
    resident.reset_policy(7)
    again = evaluate(resident, task, CONFIG, baseline=baseline)
    assert again.completions == baseline.completions
    assert again.metrics[WIN_RATE].items == (0.5,) * 8
    assert again.metrics[PREFERENCE_ACCURACY].items == (0.5,) * 10


def test_a_parent_is_measured_against_and_shown(
    resident: Resident, task: Task, baseline: Evaluation, tmp_path: Path
) -> None:
    stir(resident, 1, 0.2)
    resident.save_policy(tmp_path / "parent")
    parent = evaluate(resident, task, CONFIG, baseline=baseline)
    itself = evaluate(resident, task, CONFIG, baseline=baseline, parent=parent, parent_adapter=tmp_path / "parent")
    assert itself.metrics["kl_parent"].value == 0
    assert itself.metrics[KL] == parent.metrics[KL]
    sample = itself.samples[0]
    assert (sample.prompt, sample.baseline) == (task.eval_prompts[0].text, baseline.completions[0].text)
    assert sample.parent == sample.current == parent.completions[0].text
    assert sample.scores == (baseline.scores[0], parent.scores[0], itself.scores[0])
    assert len(itself.samples) == 4


def test_an_evaluation_survives_json(baseline: Evaluation) -> None:
    text = json.dumps(baseline.as_json(), allow_nan=False)
    assert Evaluation.parse(json.loads(text), baseline.samples) == replace(baseline, answers=())
    assert {answer.metric for answer in baseline.answers} >= {"win_rate_vs_baseline"}


def test_a_broken_policy_has_metrics_without_values(resident: Resident, task: Task, baseline: Evaluation) -> None:
    stir(resident, scale=math.nan)
    broken = evaluate(resident, task, CONFIG, baseline=baseline)
    assert set(broken.metrics) == set(baseline.metrics)
    assert not any(metric.measured for metric in broken.metrics.values())
    assert [metric.group for metric in broken.metrics.values()] == [m.group for m in baseline.metrics.values()]


def test_progress_reaches_its_total_or_aborts(resident: Resident, task: Task) -> None:
    resident.reset_policy(0)
    seen: list[tuple[int, int]] = []
    evaluate(resident, task, CONFIG, baseline=None, progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] <= seen[-1][1]
    assert seen[-1][1] - seen[-1][0] <= 5  # equal held-out sequences are run once

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(resident, task, CONFIG, baseline=None, progress=stop)


def test_a_probe_with_choices_takes_the_likeliest(resident: Resident, task: Task) -> None:
    resident.reset_policy(0)
    question = Question("calc : 3 + 4 = ? reply :", "7", ("7", "8", "9"), "sums")
    probe = Probe("choice", (question, replace(question, answer="8"), replace(question, answer="9")))
    items = _items(resident, replace(task, probes=(probe,)))
    assert sum(items) == 1, "of the same three choices, exactly one is the likeliest"


def _items(resident: Resident, task: Task, config: RunConfig = CONFIG) -> tuple[float, ...]:
    metric = evaluate(resident, task, config, baseline=None).metrics["choice"]
    assert metric.group == "capability"
    return metric.items or ()
