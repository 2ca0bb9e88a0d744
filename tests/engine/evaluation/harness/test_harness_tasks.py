from __future__ import annotations

from pathlib import Path

import lm_eval.tasks
import pytest
from lm_eval.tasks import TaskManager
from lm_eval.tasks._yaml_loader import load_yaml

from engine.config import parse_config
from engine.config.schema import TaskConfig
from engine.errors import ConfigError
from engine.evaluation.harness.tasks import OURS, Found, find, load, shares
from engine.judgement.evidence import TOO_FEW
from tests.fixtures.benchmarks import write_gsm8k, write_mmlu, write_task


def fault(*tasks: TaskConfig, allow_code: bool = False) -> str:
    with pytest.raises(ConfigError) as caught:
        find(tasks, allow_code)
    return str(caught.value)


def test_a_misspelt_name_is_told_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among a part of the harness's tasks: reading all takes as long as many other tests together."""
    part = Path(lm_eval.tasks.__file__).parent / "gsm8k"
    monkeypatch.setattr(
        lm_eval.tasks, "TaskManager", lambda **_: TaskManager(include_path=part, include_defaults=False)
    )
    said = fault(TaskConfig(task="gsm8"))
    assert "evaluation.tasks.0.task = gsm8: no such task" in said
    assert "gsm8k" in said


def test_what_is_not_there_is_told_by_its_key(tmp_path: Path) -> None:
    said = fault(TaskConfig(task="gsm8k", path=str(tmp_path / "no")), TaskConfig(task=str(tmp_path / "no.yaml")))
    assert "evaluation.tasks.0.path" in said
    assert "evaluation.tasks.1.task" in said


def test_a_data_file_is_for_tasks_that_read_one(tmp_path: Path) -> None:
    assert "only mmlu, gsm8k, humaneval and task files" in fault(
        TaskConfig(task="arc_easy", path=str(write_gsm8k(tmp_path)))
    )


def test_code_runs_only_where_it_is_allowed_and_in_the_sandbox(tmp_path: Path) -> None:
    assert "evaluation.allow_code_execution: true" in fault(TaskConfig(task="humaneval"))
    assert find([TaskConfig(task="humaneval")], True)[0].file is not None
    assert "not in the sandbox" in fault(TaskConfig(task="mbpp"), allow_code=True)
    own = write_task(tmp_path, unsafe_code=True)
    assert "not in the sandbox" in fault(TaskConfig(task=str(own)), allow_code=True)


def test_the_config_itself_refuses_code_and_two_metrics_of_one_name() -> None:
    with pytest.raises(ConfigError, match="allow_code_execution: true"):
        parse_config("evaluation: {tasks: [humaneval]}")
    with pytest.raises(ConfigError, match="two tasks are measured as gsm8k"):
        parse_config("evaluation: {tasks: [gsm8k, {task: gsm8k, limit: 3}]}")
    tasks = parse_config("evaluation: {tasks: [gsm8k, {task: gsm8k, name: hard}, {task: a/b.yaml}]}").evaluation.tasks
    assert [task.metric_name for task in tasks] == ["gsm8k", "hard", "b"]


def test_a_group_shares_its_limit() -> None:
    sizes = {"a": 5, "b": 1, "c": 5}
    assert shares(sizes, None) == sizes
    assert shares(sizes, 100) == sizes
    assert shares(sizes, 2) == {"a": 1, "b": 1}
    assert shares(sizes, 6) == {"a": 3, "b": 1, "c": 2}


def test_overrides_reach_the_task(tmp_path: Path) -> None:
    path = str(write_gsm8k(tmp_path))
    loaded = load(find([TaskConfig(task="gsm8k", path=path, limit=3, fewshot=2, max_new_tokens=7)], False)[0], 0)
    task = loaded.tasks["gsm8k"]
    assert (loaded.items, task.config.num_fewshot, task.config.generation_kwargs["max_gen_toks"]) == (3, 2, 7)
    context = task.fewshot_context(task.eval_docs[0], 2)
    assert context.count("Solution:") == 3
    assert context.endswith("How many has she?\nSolution:")


def test_mmlu_is_its_subjects_each_with_its_own_examples_and_field(tmp_path: Path) -> None:
    subjects = every_subject()
    assert len(set(subjects)) == 57
    path = str(write_mmlu(tmp_path, subjects))
    loaded = load(find([TaskConfig(task="mmlu", path=path, limit=60)], False)[0], 0)
    assert len(loaded.tasks) == 57
    assert loaded.items == 60
    assert set(loaded.categories.values()) == {"stem", "humanities", "social sciences", "other"}
    name, task = next((name, task) for name, task in loaded.tasks.items() if name.endswith("astronomy"))
    assert loaded.categories[name] == "stem"
    context = task.fewshot_context(task.eval_docs[0], 2)
    assert "virology" not in context
    assert context.count("in astronomy") == 3


def test_with_enough_items_of_each_a_category_is_a_subject(tmp_path: Path) -> None:
    """From as many on as a test can tell anything by; with fewer, subjects are taken together by field."""
    path = str(write_mmlu(tmp_path, every_subject(), questions=TOO_FEW))
    (task,) = find([TaskConfig(task="mmlu", path=path)], False)
    whole = load(task, 0)
    assert len(set(whole.categories.values())) == 57
    assert {"astronomy", "world religions"} < set(whole.categories.values())
    fewer = load(Found(TaskConfig(task="mmlu", path=path, limit=57 * TOO_FEW - 1), task.file), 0)
    assert len(set(fewer.categories.values())) == 4


def every_subject() -> tuple[str, ...]:
    fields = load_yaml(OURS / "mmlu.yaml", resolve_func=False)["task"]
    return tuple(task["task"] for field in fields for task in field["task"])
