"""Harness tasks on the resident model: what lm-eval itself says, kept through a kill, and failures that are told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval import evaluator
from lm_eval.models.huggingface import HFLM

from engine.config import parse_config
from engine.config.schema import EvaluationConfig, ModelConfig
from engine.evaluation.capability import Capability, Desk, Measured
from engine.evaluation.harness import files
from engine.evaluation.harness.model import ResidentLM
from engine.evaluation.harness.tasks import find, load
from engine.evaluation.harness.transcript import Transcript
from engine.evaluation.sandbox.runner import Exam, examine, refusal
from engine.models.load import load_resident
from engine.models.resident import Resident
from tests.fixtures.benchmarks import HUMANEVAL, write_gsm8k, write_humaneval, write_task
from tests.fixtures.untrained import stir, untrained_resident


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Resident:
    made = untrained_resident(tmp_path_factory.mktemp("base"))
    stir(made, scale=0.3)
    return made


def config(*tasks: object, **keys: object) -> EvaluationConfig:
    raw = {"tasks": list(tasks), "batch_tokens": 40, **keys}
    return parse_config(f"evaluation: {raw}".replace("True", "true").replace("'", '"')).evaluation


def sums(folder: Path, **keys: object) -> dict[str, object]:
    """GSM8K with room in the window of the demo's model."""
    return {"task": "gsm8k", "path": str(write_gsm8k(folder)), "fewshot": 0, "max_new_tokens": 4, **keys}


def measured(resident: Resident, of: EvaluationConfig, desk: Desk | None = None) -> list[Measured]:
    return list(Capability.of(of).measure(resident, (), of, desk or Desk(), lambda _: None))


class Killed(Exception):  # noqa: N818  (by whoever asked for it)
    pass


def test_the_numbers_are_the_harnesss_own(resident: Resident, tmp_path: Path) -> None:
    """The same tasks through a bare HFLM: the same score for each item, and the same log-probability."""
    asked = config(str(write_task(tmp_path)), sums(tmp_path))
    ours = measured(resident, asked)
    for found, (metric, answers) in zip(find(asked.tasks, False), ours, strict=True):
        loaded = load(found, asked.seed)
        with resident.measuring():
            bare = HFLM(pretrained=resident.model, tokenizer=resident.tokenizer, batch_size=1)
            samples = evaluator.evaluate(bare, {"tasks": dict(loaded.tasks)}, bootstrap_iters=0)["samples"][found.name]
        name = "acc" if found.name == "colours" else "exact_match"
        assert metric.items == tuple(float(sample[name]) for sample in samples)
        assert metric.n == len(answers) == len(samples)
        if found.name == "gsm8k":
            assert [answer.said for answer in answers] == [sample["resps"][0][0] for sample in samples]
    assert ours[0][0].categories == tuple(["even", "odd"] * 4 + ["even"])
    assert ours[0][1][1].wanted == "dark blue"
    assert ours[0][1][1].prompt == "Which is colour 1 of colours?"


def test_trimmed_logits_give_the_same_log_probabilities(resident: Resident, tmp_path: Path) -> None:
    loaded = load(find(config(str(write_task(tmp_path))).tasks, False)[0], 0)
    task = loaded.tasks["colours"]
    task.build_all_requests(limit=None)
    with resident.measuring():
        bare = HFLM(pretrained=resident.model, tokenizer=resident.tokenizer, batch_size=1)
        expected = bare.loglikelihood(task.instances, disable_tqdm=True)
        ours = ResidentLM(resident, Transcript(), batch_tokens=50, written_tokens=50, seed=0, advance=lambda *_: None)
        found = ours.loglikelihood(task.instances)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    assert torch.allclose(torch.tensor([v for v, _ in found]), torch.tensor([v for v, _ in expected]), atol=1e-4)


def test_it_measures_the_policy_and_leaves_it_as_it_was(resident: Resident, tmp_path: Path) -> None:
    asked = config(str(write_task(tmp_path)))
    resident.model.train()
    flags = [module.training for module in resident.model.modules()]
    weights = {name: tensor.clone() for name, tensor in resident.model.state_dict().items()}
    measured(resident, asked, Desk(tmp_path / "desk", "policy"))
    assert [module.training for module in resident.model.modules()] == flags
    assert all(torch.equal(tensor, weights[name]) for name, tensor in resident.model.state_dict().items())
    with resident.baseline():
        measured(resident, asked, Desk(tmp_path / "other", "baseline"))
    policy, baseline = ((tmp_path / name / "colours.jsonl").read_text() for name in ("desk", "other"))
    assert policy.splitlines()[1:] != baseline.splitlines()[1:]


@pytest.mark.parametrize("kind", ["choices", "words"])
def test_a_killed_evaluation_goes_on_at_the_item(
    resident: Resident, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Killed after each batch in turn: nothing that was finished is run again, and the results are equal."""
    asked = config(str(write_task(tmp_path)) if kind == "choices" else sums(tmp_path))
    whole = measured(resident, asked)
    able = Capability.of(asked)
    ran: list[int] = []
    method = "_loglikelihood_tokens" if kind == "choices" else "generate_until"
    original = getattr(HFLM, method)

    def counted(self: Any, requests: Any, **options: Any) -> Any:
        ran.append(len(requests))
        return original(self, requests, **options)

    def kill_after(batches: int) -> None:
        if len(ran) >= batches:
            raise Killed

    monkeypatch.setattr(HFLM, method, counted)
    for batches in (1, 2):
        desk = Desk(tmp_path / "desk", f"policy {batches}")
        ran.clear()
        with pytest.raises(Killed):
            list(able.measure(resident, (), asked, desk, lambda _, n=batches: kill_after(n)))
        assert len(ran) == batches
        assert list(able.measure(resident, (), asked, desk, lambda _: None)) == whole
        assert len(ran) > batches
        assert sum(ran) == (27 if kind == "choices" else 7)
        ran.clear()
        assert list(able.measure(resident, (), asked, desk, lambda _: None)) == whole
        assert ran == []


def test_progress_adds_up_and_each_task_is_told(resident: Resident, tmp_path: Path) -> None:
    asked = config(str(write_task(tmp_path)), sums(tmp_path, limit=5))
    able, done, told = Capability.of(asked), [], []
    desk = Desk(say=lambda kind, text, level: told.append((kind, text, level)))
    total = able.cost((), asked.seed)
    list(able.measure(resident, (), asked, desk, done.append))
    assert total == sum(done) == 14
    assert len(done) > 2
    assert [(kind, text.split()[0], level) for kind, text, level in told] == [
        ("evaluate.task", "colours", "info"),
        ("evaluate.task", "gsm8k", "info"),
    ]


def test_a_task_that_fails_has_no_value_and_the_others_go_on(resident: Resident, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{}\n")
    told: list[tuple[str, str, str]] = []
    asked = config(
        {"task": "gsm8k", "path": str(bad)},
        sums(tmp_path, name="too long", max_new_tokens=100_000),
        {"task": str(write_task(tmp_path)), "metric": "no_such"},
        {"task": str(write_task(tmp_path)), "name": "fine", "limit": 2},
    )
    found = measured(resident, asked, Desk(say=lambda *event: told.append(event)))
    assert [(metric.name, metric.measured) for metric, _ in found] == [
        ("gsm8k", False),
        ("too long", False),
        ("colours", False),
        ("fine", True),
    ]
    assert [level for _, _, level in told] == ["error", "error", "error", "info"]
    assert "line 1: expected answer, question" in told[0][1]
    assert "100000" in told[1][1]
    assert "it has acc" in told[2][1]


@pytest.mark.skipif(bool(refusal()), reason=refusal() or "the sandbox works here")
def test_humaneval_is_scored_in_the_sandbox(
    resident: Resident, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that knows half of the answers: those pass, the others say why they do not."""

    def say(self: Any, requests: Any, **_: Any) -> list[str]:
        right = {row["prompt"]: row["canonical_solution"] for row in HUMANEVAL[::2]}
        return [right.get(request.args[0], "    return 'no number'\n") for request in requests]

    monkeypatch.setattr(HFLM, "generate_until", say)
    asked = config({"task": "humaneval", "path": str(write_humaneval(tmp_path))}, allow_code_execution=True)
    able, done = Capability.of(asked), []
    desk = Desk(tmp_path / "desk", "salt")
    [(metric, answers)] = able.measure(resident, (), asked, desk, done.append)
    assert metric.items == (1.0, 0.0, 1.0, 0.0)
    assert (metric.name, metric.value, sum(done)) == ("humaneval", 0.5, able.cost((), 0))
    assert "# wrong: a test does not hold" in answers[1].said
    monkeypatch.setattr("engine.evaluation.harness.coding.examine", None)
    assert list(able.measure(resident, (), asked, desk, done.append)) == [(metric, answers)]


def test_without_a_sandbox_humaneval_is_refused_in_words(
    resident: Resident, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.evaluation.harness.coding.refusal", lambda: "no namespaces here")
    asked = config({"task": "humaneval", "path": str(write_humaneval(tmp_path))}, allow_code_execution=True)
    told: list[str] = []
    [(metric, _)] = measured(resident, asked, Desk(say=lambda _kind, text, _level: told.append(text)))
    assert not metric.measured
    assert "no namespaces here" in told[0]


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("PILOTHOUSE_DATA"), reason="PILOTHOUSE_DATA names no folder of real inputs")
def test_the_real_files_on_a_real_model() -> None:
    data = Path(os.environ["PILOTHOUSE_DATA"])
    stories = load_resident(ModelConfig(name=str(data / "models" / "stories260K"), device="cpu"), 0)
    asked = config(
        {"task": "gsm8k", "path": str(data / "bench" / "gsm8k_train.jsonl"), "limit": 4, "max_new_tokens": 16},
        {"task": "mmlu", "path": str(data / "bench" / "mmlu_dev_val.zip"), "limit": 58, "fewshot": 0},
        batch_tokens=8192,
    )
    (_, sums_said), (subjects, picked) = measured(stories, asked)
    assert [answer.wanted for answer in sums_said] == ["72", "10", "5", "42"]
    assert (subjects.n, set(subjects.categories or ())) == (58, {"stem", "humanities", "social sciences", "other"})
    assert {answer.said for answer in picked} <= set("ABCD")


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("PILOTHOUSE_DATA"), reason="PILOTHOUSE_DATA names no folder of real inputs")
@pytest.mark.skipif(bool(refusal()), reason=refusal() or "the sandbox works here")
def test_every_canonical_humaneval_solution_passes() -> None:
    rows = files.humaneval(str(Path(os.environ["PILOTHOUSE_DATA"]) / "bench" / "HumanEval.jsonl.gz"))["test"]
    exams = [Exam(r["prompt"] + r["canonical_solution"], r["entry_point"], r["test"], r["prompt"]) for r in rows]
    assert len(exams) == 164
    assert [i for i, exam in enumerate(exams) if not examine(exam).passed] == []
