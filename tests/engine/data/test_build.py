from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config import parse_config
from engine.data.build import build_task, split_by_prompt
from engine.data.task import Pair
from engine.errors import DataError
from engine.models.resident import Resident
from tests.fixtures.untrained import untrained_resident

PAIRS = [Pair(f"question {i // 2} ?", f"good {i}", f"bad {i}") for i in range(100)]


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Resident:
    return untrained_resident(tmp_path_factory.mktemp("base"))


class TestSplit:
    def test_whole_prompts_are_held_out_and_twins_stay_together(self) -> None:
        twins = [Pair(f"Question {i // 2}", f"good {i}", f"bad {i}") for i in range(100)]
        train, held_out = split_by_prompt([*PAIRS, *twins], 0.2, 1)

        def numbers(pairs: list[Pair]) -> set[str]:
            return {str(pair.prompt).split()[1] for pair in pairs}

        assert not numbers(train) & numbers(held_out)
        assert len(numbers(held_out)) == 10
        assert len(train) + len(held_out) == 200

    def test_the_seed_decides_and_the_order_of_the_file_does_not(self) -> None:
        _, held_out = split_by_prompt(PAIRS, 0.2, 1)
        _, turned = split_by_prompt(PAIRS[::-1], 0.2, 1)
        _, other = split_by_prompt(PAIRS, 0.2, 2)
        prompts = [pair.prompt for pair in held_out]
        assert prompts == [pair.prompt for pair in turned]
        assert prompts != [pair.prompt for pair in other]

    def test_one_prompt_cannot_be_split(self) -> None:
        with pytest.raises(DataError, match="too few"):
            split_by_prompt(PAIRS[:2], 0.2, 1)


def test_a_file_becomes_a_task_without_leaks(resident: Resident, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(pair.row()) for pair in PAIRS))
    config = parse_config(
        f"data: {{source: file, path: {path}, held_out: 0.3}}\nevaluation: {{prompts: 5, completions: 2}}"
    )
    task = build_task(config, resident)
    assert task.report is not None
    assert task.report.kept == 100
    assert (len(task.eval_prompts), len(task.held_out_pairs), len(task.train_pairs)) == (5, 10, 70)
    assert not {p.text for p in task.train_prompts} & {p.text for p in task.eval_prompts}
    prompt = task.eval_prompts[0].text
    assert task.judge.score(prompt, task.held_out_pairs[0].chosen) > 0


def test_the_split_outlives_a_change_of_the_training_seed(resident: Resident, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(pair.row()) for pair in PAIRS))
    source = f"data: {{source: file, path: {path}}}\n"
    one, two = (build_task(parse_config(f"{source}training: {{seed: {seed}}}"), resident) for seed in (1, 2))
    assert one.eval_prompts == two.eval_prompts


def test_the_config_names_the_judge(resident: Resident, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(pair.row()) for pair in PAIRS))
    source = f"data: {{source: file, path: {path}}}\n"
    assert build_task(parse_config(source), resident).judge.name == "overlap"
    assert build_task(parse_config(source + "judges: {training: demo}"), resident).judge.name == "demo"
    assert build_task(parse_config(""), resident).judge.name == "demo"
    with pytest.raises(DataError, match="overlap needs recorded pairs"):
        build_task(parse_config("judges: {training: overlap}"), resident)


def test_on_policy_without_prompts_is_refused(resident: Resident) -> None:
    with pytest.raises(DataError, match="needs prompts"):
        build_task(parse_config("model: {name: some/model}"), resident)
