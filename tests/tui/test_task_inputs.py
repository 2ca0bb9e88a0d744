"""A config's capability tasks, as the command takes them: files found and made absolute, the harness never asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.config import parse_config
from engine.errors import ConfigError
from tests.fixtures.benchmarks import write_gsm8k, write_task
from tui.commands.inputs import settle


def test_files_become_absolute_and_names_stay(tmp_path: Path) -> None:
    data, task = write_gsm8k(tmp_path), write_task(tmp_path)
    text = "evaluation: {tasks: [mmlu, {task: gsm8k, path: gsm8k.jsonl}, colours.yaml]}"
    named, filed, own = settle(parse_config(text), str(tmp_path / "run.yaml")).evaluation.tasks
    assert (named.task, named.path) == ("mmlu", None)
    assert (filed.task, filed.path) == ("gsm8k", str(data.resolve()))
    assert (own.task, own.metric_name) == (str(task.resolve()), "colours")


def test_a_file_that_is_not_there_is_told_by_its_key(tmp_path: Path) -> None:
    write_gsm8k(tmp_path)
    text = f"evaluation: {{tasks: [{{task: gsm8k, path: {tmp_path}/gsm8.jsonl}}, {tmp_path}/none.yaml]}}"
    with pytest.raises(ConfigError) as caught:
        settle(parse_config(text), str(tmp_path / "run.yaml"))
    assert [fault.key for fault in caught.value.faults] == ["evaluation.tasks.0.path", "evaluation.tasks.1.task"]
    assert "gsm8k.jsonl" in str(caught.value)


def test_examples_to_imitate_are_looked_for_beside_the_config_where_the_recipe_needs_them(tmp_path: Path) -> None:
    (tmp_path / "shown.jsonl").write_text("")
    there, source = "sft: {path: shown.jsonl}", str(tmp_path / "run.yaml")
    assert settle(parse_config(f"recipe: rlhf\n{there}"), source).sft.path == str((tmp_path / "shown.jsonl").resolve())
    missing = "sft: {path: shwn.jsonl}"
    with pytest.raises(ConfigError, match=r"sft\.path"):
        settle(parse_config(f"recipe: rlhf\n{missing}"), source)
    settle(parse_config(missing), source)


def test_a_named_reward_model_is_a_folder_beside_the_config_or_a_name_of_the_hubs(tmp_path: Path) -> None:
    (tmp_path / "classifier").mkdir()
    source, place = str(tmp_path / "run.yaml"), str((tmp_path / "classifier").resolve())
    assert settle(parse_config("recipe: rlhf\nreward: {model: ./classifier}"), source).reward.model == place
    assert settle(parse_config("recipe: rlhf\nreward: {model: org/name}"), source).reward.model == "org/name"
    with pytest.raises(ConfigError, match=r"reward\.model = .*/clasifier: no such folder"):
        settle(parse_config("recipe: rlhf\nreward: {model: ./clasifier}"), source)
    judge = "judges: {held_out: reward_model, reward_model: {path: ./classifier}}"
    assert settle(parse_config(judge), source).judges.reward_model.path == place


def test_checking_a_config_does_not_import_the_harness(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("evaluation: {tasks: [no_such_task]}\n")
    code = (
        "import sys; from pathlib import Path; from engine.config import load_config; "
        "from tui.commands.inputs import settle; "
        f"settle(load_config(Path({str(config)!r})), {str(config)!r}); print('lm_eval' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
